#!/usr/bin/python3
"""What an operator adds to the bare cloud before certifying it: an image that says what it is, a flavor, a network without IPv6.

usage: resources.py FOLDER CLOUDS     reads disk.qcow2, vmlinuz and initrd in FOLDER, writes a clouds.yaml; idempotent
"""
import os
import pathlib
import sys

import openstack
import yaml

folder = pathlib.Path(sys.argv[1])
admin, user = openstack.connect(cloud="target-admin"), openstack.connect(cloud="target")


def image(name, path, **properties):
    found = admin.image.find_image(name)
    if found:
        return found
    made = admin.image.create_image(name=name, visibility="public", **properties)
    with open(folder / path, "rb") as content:
        upload = admin.image.put(f"/images/{made.id}/file", data=content, headers={"Content-Type": "application/octet-stream"})
    upload.raise_for_status()
    return made


def project(name):
    """A project with a user of the same name and rights, and how to log in to it."""
    made = admin.identity.find_project(name) or admin.identity.create_project(name=name, domain_id="default")
    member = admin.identity.find_user(name) or admin.identity.create_user(name=name, password="secret", domain_id="default")
    for role in ("member", "reader"):
        admin.identity.assign_project_role_to_user(made, member, admin.identity.find_role(role))
    auth = dict(user.config.get_auth_args(), username=name, password="secret", project_name=name)
    return made, {"auth": auth, "region_name": user.config.get_region_name()}


kernel = image("Debian 12 kernel", "vmlinuz", disk_format="aki", container_format="aki")
initrd = image("Debian 12 initrd", "initrd", disk_format="ari", container_format="ari")
# The properties of the Sovereign Cloud Stack's image metadata standard.
image(
    "Debian 12", "disk.qcow2", disk_format="qcow2", container_format="bare", kernel_id=kernel.id, ramdisk_id=initrd.id,
    os_command_line="root=/dev/vda ro console=ttyS0 quiet", hw_rng_model="virtio", min_disk=2, min_ram=512,
    architecture="x86_64", os_distro="debian", os_version="12", image_build_date="2026-11-01", image_original_user="debian",
)
if not admin.compute.find_flavor("m1.medium"):
    admin.compute.create_flavor(name="m1.medium", vcpus=2, ram=4096, disk=4)

network = user.network.find_network("tenant") or user.network.create_network(name="tenant")
if not user.network.find_subnet("tenant-v4"):
    subnet = user.network.create_subnet(name="tenant-v4", network_id=network.id, ip_version=4, cidr="10.78.0.0/24")
    router = user.network.find_router("router1", ignore_missing=False)
    user.network.add_interface_to_router(router.id, subnet_id=subnet.id)

# Traps: projects in which the standard's choice leads nowhere, because only they see a flavor that comes before the others.
clouds = {}
for name, specs in {
    # No host says that it has this.
    "never-built": {"trait:CUSTOM_NOWHERE": "required"},
    # A disk that gives one block a second.
    "never-boots": {"quota:disk_read_iops_sec": "1"},
}.items():
    made, clouds[name] = project(name)
    if not next((flavor for flavor in admin.compute.flavors(is_public=None) if flavor.name == f"m1.a-{name}"), None):
        flavor = admin.compute.create_flavor(name=f"m1.a-{name}", vcpus=2, ram=4096, disk=4, is_public=False)
        admin.compute.flavor_add_tenant_access(flavor, made.id)
        admin.compute.create_flavor_extra_specs(flavor, specs)
known = yaml.safe_load(pathlib.Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())
known["clouds"].update(clouds)
pathlib.Path(sys.argv[2]).write_text(yaml.safe_dump(known))
