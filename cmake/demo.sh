#!/bin/bash
# Shows lonc working between stand-ins for lond on loopback, and checks the results: demo.sh BUILD_DIR
# The exit status is non-zero if any result is wrong. Leaves no process and no file behind.
set -euo pipefail

readonly build=$1
readonly lonc=$build/src/lonc standin=$build/test/peers/lond-standin
work=$(mktemp -d "${TMPDIR:-/tmp}/lonc-demo.XXXXXX")
readonly work status_file=$work/html/lon-status/loncstatus.txt
declare -A pids=()

# All processes were started here and are ended by pid.
cleanup() {
  local status=$?
  trap - EXIT
  if ((${#pids[@]} > 0)); then kill -KILL "${pids[@]}" 2>/dev/null || true; fi
  wait 2>/dev/null || true
  if ((status != 0)); then
    printf '\nThe demo failed. What the programs wrote:\n' >&2
    cat "$work"/*.err "$work"/perl/logs/*.log >&2 2>/dev/null || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

step() { printf '\n%s\n' "$*"; }
show() { printf '    %s\n' "$*"; }
fail() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

# wait_for SECONDS WHAT COMMAND...: waits until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1 + 1)) what=$2
  shift 2
  until "$@"; do
    if ((SECONDS > deadline)); then fail "$what: not within its time"; fi
    sleep 0.05
  done
}

# A stand-in ends with its standard input, which is therefore held open here.
mkfifo "$work/open"
exec {held}<>"$work/open"

# start_peer ID ADDRESS PORT: port 0 takes a free one. Sets `port`.
start_peer() {
  local id=$1 out=$work/$1.out
  : >"$out"
  "$standin" --listen "$id=$2:$3" --client data1 {held}<&- <"$work/open" >"$out" 2>"$work/$id.err" &
  pids[$id]=$!
  wait_for 5 "the stand-in for $id" grep -qx ready "$out"
  port=$(awk -v id="$id" '$1 == id { print $3 }' "$out")
}

# Ends a process at once. The shell's own message about that is not shown.
kill_hard() {
  kill -KILL "${pids[$1]}"
  wait "${pids[$1]}" 2>/dev/null || true
  unset "pids[$1]"
}

# ask ID LINE: connects, writes one line and reads one, as a program of the server does. Sets `reply` and `took` (ms).
ask() {
  local answer
  # shellcheck disable=SC2016 # perl's variables
  answer=$(perl -MIO::Socket::UNIX -MTime::HiRes=time -e '
    my ($path, $line) = @ARGV;
    alarm 20;
    my $start = time;
    my $socket = IO::Socket::UNIX->new(Peer => $path) or die "cannot connect to $path: $!\n";
    $socket->print("$line\n");
    my $reply = $socket->getline // "(end of file)";
    chomp $reply;
    printf "%.0f %s\n", 1000 * (time - $start), $reply;
  ' "$work/sockets/$1" "$2") || fail "no answer from the socket of $1"
  took=${answer%% *}
  reply=${answer#* }
}

# ask_and_show ID LINE WANTED [MOST MILLISECONDS]
ask_and_show() {
  ask "$1" "$2"
  show "$(printf '%-6s <- %-28s -> %-24s %4d ms' "$1" "$2" "$reply" "$took")"
  if [[ $reply != "$3" ]]; then fail "$1 should have answered $3"; fi
  if ((took > ${4:-2000})); then fail "that took too long"; fi
}

# Asks silently whether the peer answers. Counts in `tries`.
answers_again() {
  tries=$((tries + 1))
  ask "$1" ping
  [[ $reply == "$1" ]]
}

start_peers() {
  step "Two peers, msul1 and msul2, each in a process of its own (and data1, this server's own lond):"
  start_peer msul1 127.0.0.2 0
  start_peer msul2 127.0.0.3 "$port"
  start_peer data1 127.0.0.1 "$port"
  show "msul1 is process ${pids[msul1]} at 127.0.0.2:$port, msul2 is process ${pids[msul2]} at 127.0.0.3:$port"
}

start_lonc() {
  step "lonc, with the files of a LON-CAPA server:"
  mkdir -p "$work"/{sockets,perl/logs,lonTabs,html/lon-status}
  printf '%s\n' data1:msu:library:data1.example:127.0.0.1 msul1:msu:library:msul1.example:127.0.0.2 \
    msul2:msu:library:msul2.example:127.0.0.3 >"$work/lonTabs/hosts.tab"
  printf 'PerlSetVar %s %s\n' lonHostID data1 lonSockDir "$work/sockets" lonDaemons "$work/perl" \
    lonTabDir "$work/lonTabs" lonDocRoot "$work/html" londPort "$port" >"$work/loncapa.conf"
  printf 'log-level = info\n' >"$work/lonc.conf"
  "$lonc" --config "$work/lonc.conf" --perlsetvar "$work/loncapa.conf" --user "$(id -un)" \
    {held}<&- </dev/null >"$work/lonc.err" 2>&1 &
  pids[lonc]=$!
  wait_for 5 "the pid file of lonc" test -s "$work/perl/logs/lonc.pid"
  wait_for 5 "the sockets of lonc" test -S "$work/sockets/msul1" -a -S "$work/sockets/msul2"
  show "process ${pids[lonc]}; sockets: $(cd "$work/sockets" && echo *)"
}

show_requests() {
  step "A plain request: one line in, the peer's answer out:"
  ask_and_show msul1 ping msul1
  ask_and_show msul1 echo:good%20morning good%20morning
  step "An encrypted request: encrypt: in front of it here, enc:LENGTH:HEX on the wire, and so the answer:"
  ask_and_show msul2 encrypt:echo:s3cret s3cret
}

show_loss() {
  local longest=0
  # Attempts to connect to a peer are a second apart: after a loss right after the start the next one would wait.
  sleep 1
  step "msul2 is killed (kill -9 ${pids[msul2]}): con_lost at once, and msul1 does not notice:"
  kill_hard msul2
  for _ in 1 2 3 4 5; do
    ask_and_show msul2 echo:anyone con_lost 500
    ask msul1 echo:here
    if [[ $reply != here ]]; then fail "msul1 was disturbed: $reply"; fi
    if ((took > longest)); then longest=$took; fi
  done
  show "msul1 answered after each of these, in at most $longest ms"
  if ((longest > 500)); then fail "msul1 was slow"; fi
}

show_return() {
  local tries=0 started
  step "msul2 is started again; lonc is not informed:"
  start_peer msul2 127.0.0.3 "$port"
  started=$(date +%s%N)
  wait_for 20 "msul2 is reached again" answers_again msul2
  show "msul2 answered the $tries. request, $((($(date +%s%N) - started) / 1000000)) ms after its start"
  ask_and_show msul2 encrypt:echo:back%20again back%20again
}

is_rewritten() { [[ $(stat -c '%i %y' "$status_file") != "$1" ]]; }

show_status() {
  local line before
  before=$(stat -c '%i %y' "$status_file")
  step "SIGUSR1 has every peer that is away tried now, and writes the status (loncstatus.txt):"
  kill -USR1 "${pids[lonc]}"
  wait_for 5 "the status" is_rewritten "$before"
  while IFS= read -r line; do show "${line//$'\t'/  }"; done <"$status_file"
  for line in "LONC status .* parent ${pids[lonc]}$" "${pids[lonc]}"$'\tmsul1\t.*Connected' \
    "${pids[lonc]}"$'\tmsul2\t.*Connected'; do
    grep -q "^$line" "$status_file" || fail "the status should have a line like ${line//$'\t'/ }"
  done
}

stop_lonc() {
  step "SIGTERM: lonc ends and takes its files away:"
  kill -TERM "${pids[lonc]}"
  local status=0
  wait "${pids[lonc]}" || status=$?
  unset "pids[lonc]"
  show "exit status $status, sockets left: $(find "$work/sockets" -type s | wc -l)"
  if ((status != 0)); then fail "lonc should have ended with 0"; fi
  if [[ -e $work/perl/logs/lonc.pid || -n $(find "$work/sockets" -type s) ]]; then fail "lonc left files behind"; fi
}

started_at=$SECONDS
start_peers
start_lonc
show_requests
show_loss
show_return
show_status
stop_lonc
printf '\nAll as it should be, in %d s.\n' $((SECONDS - started_at))
