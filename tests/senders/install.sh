# Installs the pinned SDKs beside a copy of this folder, $folder/senders: imports are looked up from where a file is.
#
# SENDERS_MODULES names a node_modules that has them already.

mkdir "$folder/senders"
cp -r "$here"/*.mjs "$here/package.json" "$here/package-lock.json" "$here/providers" "$folder/senders/"
if [ -n "${SENDERS_MODULES:-}" ]; then
  ln -s "$SENDERS_MODULES" "$folder/senders/node_modules"
else
  npm ci --prefix "$folder/senders" --ignore-scripts --no-audit --no-fund --loglevel=error
fi
