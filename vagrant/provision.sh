#!/bin/bash
# Makes a fresh Debian 12 machine the host that `vagrant/lab up` makes of namespaces: the backend in
# /srv/lumiku/backend, PostgreSQL, PM2, and the login `deploy` with vagrant's key. Run as root; can be run again.
# Settings: FILES (the repository's vagrant/ folder)
set -euo pipefail

FILES=${FILES:-/vagrant}
BACKEND=/srv/lumiku/backend
ENGINE=/opt/schema-engine
NODE=22 # Prisma 7 needs 20.19 or newer; Debian 12 has 18

main() {
  install_packages
  make_accounts
  install_backend
  make_database
  start_app
  echo "the app answers at http://localhost:3000/health on $(hostname); its token is in $BACKEND/.env"
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update --quiet=2
  apt-get install --quiet=2 --yes --no-install-recommends openssh-server postgresql pgbouncer npm curl sudo rsync openssl
  systemctl disable --now --quiet pgbouncer # a fault starts its own
  # Node.js itself comes from npm as well, into /usr/local, which stands before Debian's in PATH.
  local machine
  machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  npm install --global --prefix /usr/local --no-audit --no-fund "node-linux-$machine@$NODE"
}

make_accounts() {
  local account
  for account in deploy ops; do
    id "$account" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$account"
    install -d -m 700 -o "$account" -g "$account" "/home/$account/.ssh"
    if [ -f /home/vagrant/.ssh/authorized_keys ]; then
      install -m 600 -o "$account" -g "$account" /home/vagrant/.ssh/authorized_keys "/home/$account/.ssh/authorized_keys"
    fi
  done
  echo 'ops ALL=(deploy) NOPASSWD: ALL' | install -m 440 /dev/stdin /etc/sudoers.d/lab
}

install_backend() {
  install -d -o deploy -g deploy "$BACKEND" "$ENGINE"
  rsync --archive --chown=deploy:deploy --exclude=node_modules --exclude=dist --exclude=.env "$FILES/backend/" "$BACKEND/"
  rsync --archive --chown=deploy:deploy --exclude=node_modules "$FILES/schema-engine/" "$ENGINE/"
  as_deploy "$ENGINE" npm ci --ignore-scripts --no-audit --no-fund
  as_deploy "$BACKEND" npm ci --ignore-scripts --no-audit --no-fund
  ln --symbolic --force "$BACKEND/node_modules/.bin/pm2" /usr/local/bin/pm2
}

make_database() {
  [ ! -f "$BACKEND/.env" ] || return 0
  local password token
  password=$(openssl rand -hex 16)
  token=$(openssl rand -hex 16)
  as_postgres <<SQL
DROP DATABASE IF EXISTS lumiku WITH (FORCE);
DROP ROLE IF EXISTS lumiku;
CREATE ROLE lumiku LOGIN CREATEDB PASSWORD '$password';
CREATE DATABASE lumiku OWNER lumiku;
SQL
  install -m 600 -o deploy -g deploy /dev/stdin "$BACKEND/.env.new" <<ENV
DATABASE_URL="postgresql://lumiku:$password@127.0.0.1:5432/lumiku?schema=public"
API_TOKEN="$token"
HOST="127.0.0.1"
PORT="3000"
ENV
  mv "$BACKEND/.env.new" "$BACKEND/.env"
  prisma generate
  as_deploy "$BACKEND" npm run build
  prisma migrate deploy
  { echo 'SET ROLE lumiku;' && cat "$BACKEND/prisma/seed.sql"; } | as_postgres --dbname=lumiku
}

start_app() {
  as_deploy "$BACKEND" pm2 startOrRestart ecosystem.config.js
  as_deploy "$BACKEND" pm2 save
  env PATH="$PATH" pm2 startup systemd -u deploy --hp /home/deploy >/dev/null
  curl --silent --fail --retry 20 --retry-connrefused --retry-delay 1 --output /dev/null http://localhost:3000/health
}

prisma() {
  as_deploy "$BACKEND" env PRISMA_SCHEMA_ENGINE_BINARY=$ENGINE/schema-engine CHECKPOINT_DISABLE=1 \
    node_modules/.bin/prisma "$@"
}

as_deploy() { # FOLDER COMMAND…
  local folder=$1
  shift
  runuser --user deploy -- env -C "$folder" HOME=/home/deploy PATH=/usr/local/bin:/usr/bin:/bin "$@"
}

as_postgres() {
  (cd / && runuser --user postgres -- psql -X -q -v ON_ERROR_STOP=1 "$@")
}

main
