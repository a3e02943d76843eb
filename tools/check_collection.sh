#!/usr/bin/env bash
# Checks what is published, as it is published: Ansible's sanity tests on the built artefact, its documentation,
# its changelog.
#   tools/check_collection.sh sanity [PYTHON]   (default: the newest supported one that works here)
#   tools/check_collection.sh docs
#   tools/check_collection.sh changelog VERSION (writes CHANGELOG.rst from changelogs/fragments)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${BIN:-$root/.venv/bin}
export PATH=$bin:$PATH LC_ALL=C.UTF-8 NO_COLOR=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

installed() { # an installation of the artefact, at the kind of path that ansible-test wants
  ansible-galaxy collection build --output-path "$work" "$root" >/dev/null
  (cd "$work" && ANSIBLE_COLLECTIONS_PATH=$work/path \
    ansible-galaxy collection install --no-deps -p "$work/path" "$work"/*.tar.gz >/dev/null)
  cd "$work/path/ansible_collections/inferops/vllm"
}

case ${1:-} in
sanity)
  python=${2:-$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')}
  mkdir -p ~/.ansible/test/cache
  for release in 24_2 25_2; do # ansible-core 2.19 and 2.21 ask for these; the stub needs no network
    cp "$root/tests/get_pip_stub.py" ~/.ansible/test/cache/get_pip_$release.py
  done
  installed
  ansible-test sanity --local --python "$python"
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
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
