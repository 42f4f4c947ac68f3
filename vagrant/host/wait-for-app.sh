# Runs inside a host, as the app's user: waits until the app answers GET /health and GET /projects with 200.
# Settings: BACKEND, PORT, PATIENCE (seconds)
set -u
. "$BACKEND/.env"
base=http://127.0.0.1:$PORT

status() { # PATH
  curl --silent --output /dev/null --max-time 2 --write-out '%{http_code}' --config - "$base$1" <<END
header = "Authorization: Bearer $API_TOKEN"
END
}

until [ "$(status /health)" = 200 ] && projects=$(status /api/apps/avatar-creator/projects) && [ "$projects" = 200 ]; do
  if [ "$SECONDS" -ge "$PATIENCE" ]; then
    echo "the app at $base does not answer with 200 after $PATIENCE s" \
      "(GET /projects: ${projects:-no answer}); its log: $(tail -n 3 "$HOME"/.pm2/logs/*-error.log 2>/dev/null)" >&2
    exit 1
  fi
  sleep 0.05
done
