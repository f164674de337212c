# The start of an alterable server, in a mount namespace of its own: copies and empty folders over everything that a
# test may change. FOLDER is the test's, ACCOUNT the ordinary account's name.
set -e
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -m 0755 /run/sshd
mount -t tmpfs -o mode=0755 tmpfs /var/log
touch /var/log/lastlog

rm -rf "$FOLDER/etc" "$FOLDER/root" "$FOLDER/home"
cp -a /etc "$FOLDER/etc"
rm -rf "$FOLDER/etc/ssh/sshd_config.d"
mkdir -m 0755 "$FOLDER/etc/ssh/sshd_config.d"
cp "$FOLDER/sshd_config" "$FOLDER/etc/ssh/sshd_config"
echo "$ACCOUNT:x:61017:61017::/home/$ACCOUNT:/bin/bash" >>"$FOLDER/etc/passwd"
echo "$ACCOUNT:x:61017:" >>"$FOLDER/etc/group"
echo "$ACCOUNT:*:19000:0:99999:7:::" >>"$FOLDER/etc/shadow"
mkdir -p "$FOLDER/etc/sudoers.d"
echo "$ACCOUNT ALL=(ALL) NOPASSWD:ALL" >"$FOLDER/etc/sudoers.d/$ACCOUNT"
chmod 0440 "$FOLDER/etc/sudoers.d/$ACCOUNT"

mkdir -m 0700 "$FOLDER/root"
mkdir -m 0755 "$FOLDER/home"
mkdir -m 0755 "$FOLDER/home/$ACCOUNT"
mkdir -m 0700 "$FOLDER/home/$ACCOUNT/.ssh"
cp "$FOLDER/authorized_keys" "$FOLDER/home/$ACCOUNT/.ssh/authorized_keys"
chmod 0600 "$FOLDER/home/$ACCOUNT/.ssh/authorized_keys"
chown -R 61017:61017 "$FOLDER/home/$ACCOUNT"

# The folder itself is closed to others; the account gets at its home through the bind mounts only.
mount --bind "$FOLDER/etc" /etc
mount --bind "$FOLDER/root" /root
mount --bind "$FOLDER/home" /home

# There is no service manager in here: what would be asked of it is done directly.
printf '#!/bin/sh\nkill -HUP "$(cat %s/pid)"\n' "$FOLDER" >"$FOLDER/systemctl"
chmod 0755 "$FOLDER/systemctl"
if [ -e /usr/bin/systemctl ]; then
    mount --bind "$FOLDER/systemctl" /usr/bin/systemctl
fi
exec /usr/sbin/sshd -D -e
