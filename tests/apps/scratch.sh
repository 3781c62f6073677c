# A folder for what a script makes, $folder, and the processes that it has started, $servers: gone when it ends.

folder=$(mktemp -d)
servers=()
finish() {
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
  # Ten seconds to end by themselves.
  for _ in $(seq 100); do
    [ -n "$(jobs -pr)" ] || break
    sleep 0.1
  done
  for server in "${servers[@]}"; do kill -9 "$server" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT
