# Installs the pinned SDKs beside a copy of this folder, $folder/senders, since Node.js looks for packages from where a file is.
# Python's are in $folder/venv.
#
# SENDERS_MODULES and SENDERS_VENV name a node_modules and a virtual environment that have them already.

mkdir "$folder/senders"
cp -r "$here"/*.mjs "$here"/*.py "$here/package.json" "$here/package-lock.json" "$here/providers" "$folder/senders/"
if [ -n "${SENDERS_MODULES:-}" ]; then
  ln -s "$SENDERS_MODULES" "$folder/senders/node_modules"
else
  npm ci --prefix "$folder/senders" --ignore-scripts --no-audit --no-fund --loglevel=error
fi
if [ -n "${SENDERS_VENV:-}" ]; then
  ln -s "$SENDERS_VENV" "$folder/venv"
else
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" --quiet --disable-pip-version-check install --requirement "$here/requirements.txt"
fi

make_vectors() {
  node --no-warnings "$folder/senders/vectors.mjs" "$1"
  "$folder/venv/bin/python" "$folder/senders/vectors.py" "$1"
}
