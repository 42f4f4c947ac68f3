#!/bin/bash
# The first process of a lab host, in its own mount, process, network, host name and IPC namespaces (and, for an
# ordinary user, a user namespace). Makes the host's file system, starts its services, says "up" and stays.
#
# Settings: NAME, ROLE (full|light), MODE (root|user), HOST_DIR (its state), GOLDEN, SCRIPTS, PG_BIN,
# NODE_PREFIX ('' when it is in /usr), SAY (the file descriptor to say "up" on).
set -euo pipefail

main() {
  keep_mounts_to_ourselves
  make_root
  share_programs
  make_accounts
  make_ssh
  make_app
  enter_root
  start_services
  stay
}

ROOT=$HOST_DIR/mnt/root
UPPER=$HOST_DIR/mnt/upper
WORK=$HOST_DIR/mnt/work

keep_mounts_to_ourselves() {
  mount --make-rprivate / 2>/dev/null || mount --make-rslave /
}

make_root() {
  mount -t tmpfs -o mode=755 tmpfs "$HOST_DIR/mnt"
  mkdir "$ROOT" "$UPPER" "$WORK"
  mount -t tmpfs -o mode=755 tmpfs "$ROOT" # pivot_root wants a mount point
  mkdir -p "$ROOT"/{usr,etc,srv,opt,proc,dev,sys,run,tmp,root,home/deploy,var/{log,lib,tmp}}
  chmod 700 "$ROOT/root"
  ln -s /run "$ROOT/var/run"
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  mount --rbind /sys "$ROOT/sys"
  # Terminals of our own, where we may; the machine's do as well.
  if mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$ROOT/dev/pts" 2>/dev/null; then
    mount --bind "$ROOT/dev/pts/ptmx" "$ROOT/dev/ptmx"
  fi
  mount -t tmpfs -o mode=755 tmpfs "$ROOT/run"
  mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
  chmod 1777 "$ROOT/var/tmp"
}

# The machine's programs, read as they are; /etc and /usr/local are copy on write.
share_programs() {
  local folder
  for folder in /bin /sbin /lib /lib32 /lib64 /libx32; do
    if [ -L "$folder" ]; then
      ln -s "$(readlink "$folder")" "$ROOT$folder"
    elif [ -d "$folder" ]; then
      mkdir "$ROOT$folder"
      mount --rbind "$folder" "$ROOT$folder"
    fi
  done
  mount --rbind /usr "$ROOT/usr"
  # Before the overlays: the files below belong to nobody we could write as.
  mkdir -p "$UPPER"/{etc,local/bin,srv} "$WORK"/{etc,local,srv}
  write_etc "$UPPER/etc"
  ln -s /srv/lumiku/backend/node_modules/.bin/pm2 "$UPPER/local/bin/pm2"
  share_node
  overlay /etc etc
  overlay /usr/local local usr/local
}

overlay() { # LOWER NAME [PLACE]
  local options="lowerdir=$1,upperdir=$UPPER/$2,workdir=$WORK/$2"
  [ "$MODE" = root ] || options+=,userxattr # trusted.* attributes are for real root only
  mount -t overlay overlay -o "$options" "$ROOT/${3:-$2}"
}

share_node() {
  [ -n "$NODE_PREFIX" ] || return 0
  mkdir "$ROOT/opt/node"
  mount --rbind "$NODE_PREFIX" "$ROOT/opt/node"
  local program
  for program in node npm npx; do ln -s "/opt/node/bin/$program" "$UPPER/local/bin/$program"; done
}

write_etc() { # FOLDER
  cat >"$1/passwd" <<'END'
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
sshd:x:102:65534::/run/sshd:/usr/sbin/nologin
deploy:x:1000:1000:deploy:/home/deploy:/bin/bash
ops:x:1001:1001:ops:/home/ops:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
END
  printf '%s\n' root:x:0: daemon:x:1: tty:x:5: deploy:x:1000: ops:x:1001: nogroup:x:65534: >"$1/group"
  printf '%s:*:20000:0:99999:7:::\n' root daemon sshd deploy ops nobody >"$1/shadow"
  chmod 640 "$1/shadow"
  # `ops` logs in and becomes `deploy`, and nothing else.
  printf '%s\n' 'Defaults env_reset' 'Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"' \
    'ops ALL=(deploy) NOPASSWD: ALL' >"$1/sudoers"
  chmod 440 "$1/sudoers"
  echo "$NAME" >"$1/hostname"
  echo "$NAME" | md5sum | cut -c 1-32 >"$1/machine-id" # a machine of its own, and the same one after a reset
  printf '127.0.0.1 localhost %s\n::1 localhost ip6-localhost ip6-loopback\n' "$NAME" >"$1/hosts"
  : >"$1/resolv.conf"
}

make_accounts() {
  local account home
  local -A number=([root]=0 [deploy]=1000 [ops]=1001) # the machine need not know these names
  for account in root deploy ops; do
    home=/home/$account
    [ "$account" != root ] || home=/root
    [ "$account" = deploy ] || [ "$MODE" = root ] || continue
    mkdir -p "$ROOT$home/.ssh"
    cp "$HOST_DIR/authorized_keys" "$ROOT$home/.ssh/authorized_keys"
    chmod 700 "$ROOT$home" "$ROOT$home/.ssh"
    chmod 600 "$ROOT$home/.ssh/authorized_keys"
    [ "$MODE" = user ] || chown -R "${number[$account]}:${number[$account]}" "$ROOT$home"
  done
}

# The machine's own /etc/ssh holds its host keys: none of a lab's business.
make_ssh() {
  mount -t tmpfs -o mode=755 tmpfs "$ROOT/etc/ssh"
  cp "$SCRIPTS/sshd_config" "$ROOT/etc/ssh/sshd_config"
  cp "$HOST_DIR/hostkey" "$ROOT/etc/ssh/ssh_host_ed25519_key"
  cp "$HOST_DIR/hostkey.pub" "$ROOT/etc/ssh/ssh_host_ed25519_key.pub"
  chmod 600 "$ROOT/etc/ssh/ssh_host_ed25519_key"
  mkdir -p "$ROOT/run/sshd"
}

make_app() {
  overlay "$GOLDEN/srv" srv
  mkdir "$ROOT/opt/schema-engine"
  mount --bind "$GOLDEN/opt/schema-engine" "$ROOT/opt/schema-engine"
  mount -o remount,bind,ro "$ROOT/opt/schema-engine"
  [ "$ROLE" = full ] || return 0
  install -p -m 600 "$HOST_DIR/env" "$ROOT/srv/lumiku/backend/.env"
  read -r PM2_SECRET <"$HOST_DIR/pm2-secret"
  read -r DATABASE_PASSWORD <"$HOST_DIR/database-password"
  mkdir -p "$ROOT/var/lib/postgresql" "$ROOT/var/log/postgresql" "$ROOT/run/postgresql"
  cp -a "$GOLDEN/pgdata" "$ROOT/var/lib/postgresql/main"
  if [ "$MODE" = root ]; then
    chown 1000:1000 "$ROOT/srv/lumiku/backend/.env"
    chown -R 1000:1000 "$ROOT"/{var/lib/postgresql,var/log/postgresql,run/postgresql}
  fi
}

enter_root() {
  hostname "$NAME"
  ip link set lo up
  cd "$ROOT"
  mkdir run/machine
  pivot_root . run/machine
  umount -l /run/machine
  rmdir /run/machine
  cd /
}

# As deploy, with nothing of our environment: PM2 keeps what it is started with.
as_deploy() {
  local clean=(env -i HOME=/home/deploy USER=deploy LOGNAME=deploy SHELL=/bin/bash LANG=C.UTF-8
    PATH=/usr/local/bin:/usr/bin:/bin)
  if [ "$MODE" = root ]; then
    setpriv --reuid=1000 --regid=1000 --clear-groups "${clean[@]}" "$@"
  else
    setpriv --ambient-caps=-all --inh-caps=-all "${clean[@]}" "$@"
  fi
}

start_services() {
  if [ "$ROLE" = full ]; then
    as_deploy "$PG_BIN/pg_ctl" -D /var/lib/postgresql/main -l /var/log/postgresql/main.log \
      -o '-k /run/postgresql' --silent --wait start {SAY}>&-
    as_deploy "$PG_BIN/psql" -X -w -q -h /run/postgresql -U postgres {SAY}>&- <<<"ALTER ROLE lumiku PASSWORD '$DATABASE_PASSWORD'"
    # PM2 keeps a secret of the app's, too, as many a real one does; it comes by stdin, so that no list shows it.
    as_deploy sh -c 'read -r SESSION_SECRET; export SESSION_SECRET; cd /srv/lumiku/backend; exec "$@"' sh \
      pm2 start ecosystem.config.js >/dev/null {SAY}>&- <<<"$PM2_SECRET"
  fi
  echo up >&"$SAY"
  exec {SAY}>&-
}

# Process 1 has to reap the orphans of everybody else; bash does while it waits.
stay() {
  trap 'exit 0' TERM
  while :; do
    sleep 3600 &
    wait $! || true
  done
}

main
