# The start of a plain server, in a mount namespace of its own. FOLDER is the test's.
set -e
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -m 0755 /run/sshd
mount -t tmpfs -o mode=0755 tmpfs /var/log
touch /var/log/lastlog
exec /usr/sbin/sshd -D -e -f "$FOLDER/sshd_config"
