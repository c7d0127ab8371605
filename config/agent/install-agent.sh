#!/bin/sh
# Installs the edge agent of a school on Debian or Raspberry Pi OS, or brings an installed one up to date.
#   sudo sh install-agent.sh --code CODE --hub https://hub.example
# Repeating it is safe. Everything it does is listed in docs/agents.md.
set -eu
umask 022 # the service's account has to read the program, whatever the caller's mask

NAME=smart-classroom-agent
ACCOUNT=classroom-agent
# what only the hub imports; it is half of all the libraries
HUB_ONLY='pyarrow|pillow|reportlab|psycopg|psycopg-binary|influxdb-client|reactivex|xlsxwriter|python-calamine'
code='' hub='' from='' uninstall='' purge='' start=1 root="${DESTDIR:-}" python="${PYTHON:-}"

usage() {
    cat <<'TEXT'
install-agent.sh [--code CODE --hub URL] [--from WHEEL|URL|FOLDER] [--root FOLDER] [--no-start]
install-agent.sh --uninstall [--purge]

  --code CODE   enrol with this one-time code; it needs --hub. Without it the agent starts when
                /etc/smart-classroom-agent/agent.toml is there.
  --hub URL     address of the hub, such as https://hub.example
  --from WHAT   a wheel, its URL, or a checkout of the program [the checkout that this script is in]
  --root FOLDER install below this folder, for images; accounts and services are left alone (DESTDIR does the same)
  --no-start    install only
  --uninstall   remove program and service; settings and data stay
  --purge       with --uninstall: settings, certificates and data go, too

Environment: PYTHON names the interpreter [the newest python3 from 3.11].
Exit codes: 0 done, 1 failed, 2 wrong arguments.
TEXT
}

say() { printf '%s\n' "$*"; }
fail() { printf 'install-agent.sh: %s\n' "$*" >&2; exit 1; }
wrong() { printf 'install-agent.sh: %s\n' "$*" >&2; usage >&2; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
        --code | --hub | --from | --root)
            [ $# -ge 2 ] || wrong "$1 needs a value"
            case $1 in
                --code) code=$2 ;;
                --hub) hub=$2 ;;
                --from) from=$2 ;;
                --root) root=$2 ;;
            esac
            shift 2 ;;
        --no-start) start=''; shift ;;
        --uninstall) uninstall=1; shift ;;
        --purge) purge=1; shift ;;
        -h | --help) usage; exit 0 ;;
        *) wrong "$1 is not an option" ;;
    esac
done
[ -z "$code" ] || [ -n "$hub" ] || wrong "--code needs --hub URL, such as https://hub.example"
case $hub in '' | http://* | https://*) ;; *) wrong "--hub $hub: write it with https://" ;; esac
[ -z "$purge" ] || [ -n "$uninstall" ] || wrong "--purge goes with --uninstall"

root=${root%/}
program=$root/opt/$NAME
settings=$root/etc/$NAME
data=$root/var/lib/$NAME
unit=$root/etc/systemd/system/$NAME.service
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# below another root there is no system to change, only files
live() { [ -z "$root" ]; }
systemd() { live && [ -d /run/systemd/system ]; }

if live && [ "$(id -u)" -ne 0 ]; then
    fail "needs root; say: sudo sh $0"
fi

if [ -n "$uninstall" ]; then
    if systemd; then
        systemctl disable --now "$NAME.service" 2>/dev/null || true
    fi
    rm -f "$unit"
    if systemd; then systemctl daemon-reload; fi
    rm -rf "$program"
    if [ -n "$purge" ]; then
        rm -rf "$settings" "$data"
        if live && id "$ACCOUNT" >/dev/null 2>&1; then userdel "$ACCOUNT" || true; fi
        say "Removed, with settings and data."
    else
        say "Removed. Settings are still in $settings, data in $data; --purge removes them, too."
    fi
    exit 0
fi

as_agent() {
    if live && command -v runuser >/dev/null 2>&1; then runuser -u "$ACCOUNT" -- "$@"; else "$@"; fi
}

# asked as the account: an interpreter below somebody's home is none for a service
new_enough() { as_agent "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    if [ -n "$python" ]; then
        new_enough "$python" || fail "PYTHON=$python is not Python 3.11 or later that $ACCOUNT may run"
        return
    fi
    for each in python3.14 python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        if command -v "$each" >/dev/null 2>&1 && new_enough "$(command -v "$each")"; then
            python=$(command -v "$each")
            return
        fi
    done
    fail "needs Python 3.11 or later (Debian 12, Raspberry Pi OS of 2023 or later); say: apt-get install python3 python3-venv"
}

find_source() {
    [ -n "$from" ] || from=$(CDPATH='' cd -- "$here/../.." && pwd)
    case $from in
        http://* | https://*) ;;
        *.whl) [ -f "$from" ] || fail "--from $from: there is no such file" ;;
        *) [ -f "$from/pyproject.toml" ] || fail "--from $from: neither a wheel, nor a URL, nor a checkout" ;;
    esac
}

install_program() {
    install -d -m 0755 "$program" "$program/docs"
    if ! new_enough "$program/venv/bin/python"; then
        "$python" -m venv --clear "$program/venv" || fail "no venv; say: apt-get install python3-venv"
    fi
    # pinned versions if they lie beside the program; a wheel alone brings its own bounds
    if [ -f "$from/requirements.lock" ]; then
        awk -v hub_only="^($HUB_ONLY)==" '/^[a-z]/ { drop = $0 ~ hub_only } !drop' "$from/requirements.lock" \
            > "$program/requirements.lock"
        "$program/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$program/requirements.lock" \
            || fail "the libraries could not be installed; is there a way to the package index?"
        deps=--no-deps
    else
        deps=''
    fi
    # shellcheck disable=SC2086  # empty means no argument
    "$program/venv/bin/python" -m pip install --quiet --disable-pip-version-check --force-reinstall $deps "$from" \
        || fail "$from could not be installed"
    if [ -f "$here/../../docs/agents.md" ]; then
        install -m 0644 "$here/../../docs/agents.md" "$program/docs/agents.md"
    fi
}

make_account() {
    live || return 0
    if ! id "$ACCOUNT" >/dev/null 2>&1; then
        useradd --system --home-dir "/var/lib/$NAME" --no-create-home --shell /usr/sbin/nologin "$ACCOUNT"
    fi
}

owned() { if live; then chown "$ACCOUNT:$ACCOUNT" "$@"; fi; }

make_folders() {
    install -d -m 0755 "$root/etc/systemd/system"
    install -d -m 0750 "$settings" "$data"
    owned "$settings" "$data"
    install -m 0644 "$here/$NAME.service" "$unit"
}

enrol() {
    file=$settings/agent.toml
    if [ -z "$code" ]; then
        return 0
    fi
    seeded=''
    if [ ! -f "$file" ]; then # enrolment keeps what is there; without this, payloads would wait below /etc
        seeded=1
        printf '[outbox]\npath = "/var/lib/%s/outbox.db"\n' "$NAME" > "$file"
        chmod 0640 "$file"
        owned "$file"
    fi
    if ! as_agent "$program/venv/bin/hub" agent enrol "$code" --hub "$hub" --config "$file"; then
        if [ -n "$seeded" ]; then rm -f "$file"; fi
        fail "enrolment failed; nothing else is missing: repeat with a fresh code"
    fi
}

start_service() {
    if ! systemd; then
        say "Installed in $program. There is no systemd here: start it with"
        say "  $program/venv/bin/hub agent --config $settings/agent.toml"
        return
    fi
    systemctl daemon-reload
    systemctl enable "$NAME.service" >/dev/null 2>&1
    if [ -z "$start" ]; then
        say "Installed; start it with: systemctl start $NAME"
    elif [ ! -f "$settings/agent.toml" ]; then
        say "Installed. It starts once it is enrolled: sh $0 --code CODE --hub URL"
    else
        systemctl restart "$NAME.service"
        say "Installed and started; its log: journalctl -u $NAME -f"
    fi
}

find_source
make_account
find_python
install_program
make_folders
enrol
start_service
