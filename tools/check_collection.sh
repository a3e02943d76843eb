#!/usr/bin/env bash
# Checks what is published, as it is published: Ansible's own tests at the kind of path that they want, its
# documentation, its changelog. BIN is the folder of the ansible-core to use (default: .venv/bin).
#   tools/check_collection.sh sanity            on the built artefact; there is no ignore file
#   tools/check_collection.sh units [FOLDER…]   the unit tests under ansible-test, in a copy of what Git tracks
#   tools/check_collection.sh docs
#   tools/check_collection.sh changelog VERSION (writes CHANGELOG.rst from changelogs/fragments)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${BIN:-$root/.venv/bin}
export PATH=$bin:$PATH LC_ALL=C.UTF-8 NO_COLOR=1
unset ANSIBLE_CONFIG
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
collection=$work/path/ansible_collections/inferops/vllm
versions=$(python -c 'import ansible.release, platform
print("ansible-core", ansible.release.__version__, "on Python", platform.python_version())')

installed() {
  ansible-galaxy collection build --output-path "$work" "$root" >/dev/null
  (cd "$work" && ANSIBLE_COLLECTIONS_PATH=$work/path \
    ansible-galaxy collection install --no-deps -p "$work/path" "$work"/*.tar.gz >/dev/null)
  cd "$collection"
}

copied() {
  mkdir -p "$collection"
  cd "$root"
  git ls-files -z | xargs -0 cp --parents --no-dereference --target-directory "$collection"
  cd "$collection"
}

offline() { # ansible-core 2.19 to 2.21 ask for these; the stub needs no network
  mkdir -p ~/.ansible/test/cache
  for release in 24_2 25_2; do
    cp "$root/tests/get_pip_stub.py" ~/.ansible/test/cache/get_pip_$release.py
  done
}

quietly() { # the whole log when it fails, else only what FILTER finds in it
  local filter=$1
  shift
  if ! "$@" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    exit 1
  fi
  grep -E "$filter" "$work/log" || true
}

case ${1:-} in
sanity)
  offline
  installed
  python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  quietly 'not found|[Ss]kipp' ansible-test sanity --local --python "$python"
  echo "ansible-test sanity: $(grep -c '^Running sanity test' "$work/log") tests passed with $versions"
  ;;
units)
  shift
  offline
  copied
  python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  quietly '^=+ .* passed' ansible-test units --local --python "$python" --num-workers "${WORKERS:-2}" "$@"
  echo "ansible-test units: passed with $versions"
  ;;
docs)
  cd "$root"
  antsibull-docs lint-collection-docs --plugin-docs .
  ;;
changelog)
  # A copy of what it reads: antsibull-changelog copies the whole folder, caches and sockets included.
  mkdir "$work/tree"
  cp -r "$root"/{changelogs,galaxy.yml,meta,plugins,roles} "$work/tree"
  cd "$work/tree"
  rm -f changelogs/changelog.yaml
  antsibull-changelog release --version "$2"
  cp CHANGELOG.rst "$root/"
  cp changelogs/changelog.yaml "$root/changelogs/"
  ;;
*)
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
