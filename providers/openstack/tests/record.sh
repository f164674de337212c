#!/bin/bash
# Records what an OpenStack cloud answers to the calls that the provider makes, as fixtures for its tests.
#
#   OS_CLIENT_CONFIG_FILE=clouds.yaml OS_CLOUD=name providers/openstack/tests/record.sh
#   OS_AUTH_URL=… OS_USERNAME=… OS_PASSWORD=… OS_PROJECT_NAME=… providers/openstack/tests/record.sh
#
# Needs bash, curl, jq, and python3 with its yaml module if there is a clouds.yaml. An ordinary account of one project is enough.
# The cloud needs an image, a flavor, a network of the project's own and an external network; their names are in
#   IMAGE (tiny)   FLAVOR (t1.nano)   NETWORK (private)   EXTERNAL (public)
#
# Everything that it makes is called `lf-fixture-…`, and is removed at the end, whatever the end is. One server is booted, so it
# takes about a minute.
#
# Each fixture is one call and its answer: fixtures/NAME.json with method, path and query, the request's body, and the answer's
# status, headers and body. They are redacted before they are written: no token, password or host name; ids are replaced by made-up
# ones, the same one for the same id, numbered as they are first seen; services are at `http://cloud.test/SERVICE`. Listings are
# trimmed to what belongs to the cloud itself and to what was made here. The public key is a fixed one that nobody has the other
# half of. Times stay.
set -euo pipefail
umask 077

here=$(cd "$(dirname "$0")" && pwd)
image_name=${IMAGE:-tiny} flavor_name=${FLAVOR:-t1.nano} network_name=${NETWORK:-private} external_name=${EXTERNAL:-public}
key='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f test'
tags='{"levelfield-expires":"1790000000","levelfield-run":"fixture"}'
description='levelfield-expires=1790000000 levelfield-run=fixture'
nobody=00000000-0000-4000-8000-000000000000

work=$(mktemp -d)
answer=$work/answer
made=()

tidy() {
    status=$?
    trap - EXIT
    set +e
    for ((i = ${#made[@]} - 1; i >= 0; i--)); do
        curl -sS -o /dev/null -X DELETE -H 'Connection: close' -H "@$work/token" "${made[i]}"
    done
    rm -rf "$work"
    exit "$status"
}
trap tidy EXIT

# call NAME METHOD URL [BODY]: makes the call, keeps it under NAME, leaves the answer's body in $answer.
call() {
    local folder=$work/calls/$1
    [ -d "$folder" ] || { mkdir -p "$folder" && echo "$1" >>"$work/order"; }
    printf '%s' "${4-}" >"$folder/request"
    local more=()
    [ -z "${4-}" ] || more+=(-H 'Content-Type: application/json' --data-binary "@$folder/request")
    [ -z "${version-}" ] || more+=(-H "X-OpenStack-Nova-API-Version: $version")
    curl -sS -g -X "$2" -H 'Connection: close' -H 'Accept: application/json' -H "@$work/token" "${more[@]}" \
        -D "$folder/headers" -o "$folder/body" "$3"
    touch "$folder/body"
    jq -n --arg method "$2" --arg url "$3" --arg version "${version-}" '{$method, $url, $version}' >"$folder/call"
    cp "$folder/body" "$answer"
    echo "$2 $3: $(head -n 1 "$folder/headers")"
}

# pick FILTER: what jq's FILTER finds in the last answer.
pick() { jq -er "$1" "$answer"; }

# until_is NAME URL FILTER: asks again until FILTER holds, for two minutes at most.
until_is() {
    for _ in $(seq 120); do
        call "$1" GET "$2" >/dev/null
        if jq -e "$3" "$answer" >/dev/null 2>&1; then return; fi
        sleep 1
    done
    echo "$1: $2 never came to $3" >&2
    return 1
}

# ---- who one is

if [ -n "${OS_CLOUD-}" ]; then
    python3 - "${OS_CLIENT_CONFIG_FILE:-clouds.yaml}" "$OS_CLOUD" >"$work/access" <<'PY'
import shlex, sys, yaml
cloud = yaml.safe_load(open(sys.argv[1]))["clouds"][sys.argv[2]]
for name, value in {**cloud["auth"], "region_name": cloud.get("region_name", "")}.items():
    print(f"OS_{name.upper()}={shlex.quote(str(value))}")
PY
    . "$work/access"
fi
auth=${OS_AUTH_URL%/} && auth=${auth%/v3}/v3
login() {
    jq -cn --arg user "$OS_USERNAME" --arg password "$1" --arg project "$OS_PROJECT_NAME" \
        --arg user_domain "${OS_USER_DOMAIN_NAME:-Default}" --arg project_domain "${OS_PROJECT_DOMAIN_NAME:-Default}" '
        {auth: {identity: {methods: ["password"], password: {user: {name: $user, domain: {name: $user_domain}, $password}}},
         scope: {project: {name: $project, domain: {name: $project_domain}}}}}'
}
: >"$work/token"
call token POST "$auth/auth/tokens" "$(login "$OS_PASSWORD")"
cp "$answer" "$work/catalog"
sed -n 's/\r$//; s/^x-subject-token: */X-Auth-Token: /Ip' "$work/calls/token/headers" >"$work/good"
call token-wrong-password POST "$auth/auth/tokens" "$(login wrong)"
cp "$work/good" "$work/token"

project=$(jq -er .token.project.id "$work/catalog")
endpoint() {
    jq -er --arg type "$1" --arg region "${OS_REGION_NAME-}" '[.token.catalog[] | select(.type == $type) | .endpoints[]
        | select(.interface == "public" and ($region == "" or .region == $region)) | .url][0]' "$work/catalog" | sed 's,/$,,'
}
# The part before the version.
root() { endpoint "$1" | sed -E 's,/v[0-9.]+(/.*)?$,,'; }
compute=$(root compute)/v2.1 image=$(root image)/v2 network=$(root network)/v2.0 volume=$(root volumev3)/v3
jq -n --arg identity "${auth%/v3}" --arg compute "${compute%/v2.1}" --arg image "${image%/v2}" \
    --arg network "${network%/v2.0}" --arg volume "${volume%/v3}" '$ARGS.named' >"$work/roots"

# ---- what there is

call versions-compute GET "$(endpoint compute)"
call versions-network GET "$(endpoint network)/"
call versions-image GET "$(endpoint image)/"
call versions-volume-of-project GET "$(endpoint volumev3)"
call versions-volume GET "$volume/"
call extensions GET "$network/extensions"
call subnets GET "$network/subnets"
call networks GET "$network/networks"
network_id=$(jq -er --arg name "$network_name" '.networks[] | select(.name == $name) | .id' "$answer")
external_id=$(jq -er --arg name "$external_name" '.networks[] | select(.name == $name) | .id' "$answer")
call networks-external GET "$network/networks?router:external=true"
call routers GET "$network/routers"
call flavors GET "$compute/flavors/detail"
flavor_id=$(jq -er --arg name "$flavor_name" '.flavors[] | select(.name == $name) | .id' "$answer")
call flavors-first GET "$compute/flavors/detail?limit=1"
call flavors-second GET "$compute/flavors/detail?limit=1&marker=$(pick '.flavors[0].id')"
call flavors-unknown-marker GET "$compute/flavors/detail?marker=$nobody"
call images GET "$image/images"
image_id=$(jq -er --arg name "$image_name" '.images[] | select(.name == $name) | .id' "$answer")
call image-created POST "$image/images" '{"name": "lf-fixture-hidden", "os_hidden": true, "disk_format": "raw",
    "container_format": "bare", "architecture": "x86_64", "os_distro": "debian", "os_version": "11"}'
hidden=$(pick .id) && made+=("$image/images/$hidden")
printf 'no disk' | curl -sS -o /dev/null -X PUT -H 'Connection: close' -H "@$work/token" --data-binary @- \
    -H 'Content-Type: application/octet-stream' "$image/images/$hidden/file"
call images-hidden GET "$image/images?os_hidden=true"
call images-first GET "$image/images?limit=1"
call zones GET "$compute/os-availability-zone"
call limits GET "$compute/limits"
most_nodes=$(pick .limits.absolute.maxTotalInstances)
call network-quota GET "$network/quotas/$project/details.json"
most_ports=$(pick .quota.port.limit)

# ---- keys

named() { jq -cn --arg name "$1" --arg public_key "$2" '{keypair: $ARGS.named}'; }
made+=("$compute/os-keypairs/lf-fixture-key")
call key-imported POST "$compute/os-keypairs" "$(named lf-fixture-key "$key")"
call key-duplicate POST "$compute/os-keypairs" "$(named lf-fixture-key "$key")"
call key-invalid POST "$compute/os-keypairs" "$(named lf-fixture-bad 'ssh-ed25519 AAAA')"
call keys GET "$compute/os-keypairs"

# ---- groups

group='{"security_group":{"name":"lf-fixture-group","description":"'$description'"}}'
call group-created POST "$network/security-groups" "$group"
group_id=$(pick .security_group.id) && made+=("$network/security-groups/$group_id")
rule() {
    jq -cn --arg group "$group_id" --argjson more "$1" \
        '{security_group_rule: ({security_group_id: $group, direction: "ingress"} + $more)}'
}
ssh=$(rule '{"protocol":"tcp","ethertype":"IPv4","remote_ip_prefix":"192.0.2.0/24","port_range_min":22,"port_range_max":22}')
call rule-added POST "$network/security-group-rules" "$ssh"
call rule-duplicate POST "$network/security-group-rules" "$ssh"
call rule-icmp-added POST "$network/security-group-rules" \
    "$(rule '{"protocol":"ipv6-icmp","ethertype":"IPv6","remote_ip_prefix":"::/0"}')"
call rule-invalid POST "$network/security-group-rules" \
    "$(rule '{"protocol":"tcp","ethertype":"IPv4","remote_ip_prefix":"192.0.2.0/24","port_range_min":80,"port_range_max":22}')"
call group GET "$network/security-groups/$group_id"
rule_id=$(pick '.security_group.security_group_rules[] | select(.protocol == "tcp") | .id')
call groups GET "$network/security-groups?project_id=$project"

# ---- a node

server() {
    jq -cn --arg image "$1" --arg flavor "$2" --arg network "$network_id" --argjson tags "$tags" \
        --arg group "$group_id" --argjson more "$3" '
        {server: ({name: "lf-fixture-node", imageRef: $image, flavorRef: $flavor, metadata: $tags,
                   networks: [{uuid: $network}]} + $more)}'
}
full=$(jq -cn --arg group "$group_id" --arg data "$(printf '#!/bin/sh\n:\n' | base64)" \
    '{key_name: "lf-fixture-key", user_data: $data, security_groups: [{name: $group}]}')
call server-unknown-image POST "$compute/servers" "$(server "$nobody" "$flavor_id" '{}')"
call server-unknown-flavor POST "$compute/servers" "$(server "$image_id" "$nobody" '{}')"
call server-unknown-zone POST "$compute/servers" "$(server "$image_id" "$flavor_id" '{"availability_zone":"moon"}')"
call server-unknown-key POST "$compute/servers" "$(server "$image_id" "$flavor_id" '{"key_name":"lf-fixture-none"}')"
# One more than the account may have, which makes none.
[ "$most_nodes" -ge 0 ] && [ "$most_ports" -ge 0 ] || { echo "the project has no quota to exceed" >&2; exit 1; }
call server-over-quota POST "$compute/servers" "$(server "$image_id" "$flavor_id" "{\"min_count\":$((most_nodes + 1))}")"
call server-over-port-quota POST "$compute/servers" \
    "$(server "$image_id" "$flavor_id" "{\"min_count\":$((most_ports + 1))}")"
call server-unknown GET "$compute/servers/$nobody"
call reboot-unknown POST "$compute/servers/$nobody/action" '{"reboot":{"type":"SOFT"}}'
call stop-unknown POST "$compute/servers/$nobody/action" '{"os-stop":null}'
call console-unknown POST "$compute/servers/$nobody/action" '{"os-getConsoleOutput":{}}'
# Without a network, one is allocated; here it does not come to that.
version=2.37 call server-auto-network POST "$compute/servers" "$(server "$nobody" "$flavor_id" '{"networks":"auto"}')"
call server-created POST "$compute/servers" "$(server "$image_id" "$flavor_id" "$full")"
server_id=$(pick .server.id) && node=$compute/servers/$server_id && made+=("$node")
call server-building GET "$node"
until_is server-active "$node" '.server.status == "ACTIVE"'
call servers GET "$compute/servers/detail"
call group-in-use DELETE "$network/security-groups/$group_id"

# ---- an address for it

made+=("$network/floatingips/none")
call address-allocated POST "$network/floatingips" \
    "$(jq -cn --arg network "$external_id" --arg description "$description" \
        '{floatingip: {floating_network_id: $network, $description}}')"
address=$(pick .floatingip.floating_ip_address)
address_id=$(pick .floatingip.id) && made[-1]=$network/floatingips/$address_id
call addresses GET "$network/floatingips?project_id=$project"
call ports-of-node GET "$network/ports?device_id=$server_id"
port=$(pick '.ports[0].id') fixed=$(pick '.ports[0].fixed_ips[] | select(.ip_address | contains(".")) | .ip_address')
call address-attached PUT "$network/floatingips/$address_id" \
    "$(jq -cn --arg port "$port" --arg fixed "$fixed" '{floatingip: {port_id: $port, fixed_ip_address: $fixed}}')"
call addresses-attached GET "$network/floatingips?project_id=$project"
call ports GET "$network/ports"
until_is server-addressed "$node" "[.server.addresses[][].addr] | index(\"$address\")"
call address-detached PUT "$network/floatingips/$address_id" '{"floatingip":{"port_id":null}}'
call address-deleted DELETE "$network/floatingips/$address_id"
call address-gone DELETE "$network/floatingips/$address_id"
call volumes GET "$volume/$project/volumes/detail"
call volumes-without-project GET "$volume/volumes/detail"

# ---- what is done to it

# Until the node has shown its host keys.
for _ in $(seq 60); do
    call console POST "$node/action" '{"os-getConsoleOutput":{}}'
    if grep -q 'END SSH HOST KEY KEYS' "$answer"; then break; fi
    sleep 1
done
call rebooted POST "$node/action" '{"reboot":{"type":"SOFT"}}'
call rebooting GET "$node"
until_is server-active-again "$node" '.server.status == "ACTIVE" and .server["OS-EXT-STS:task_state"] == null'
call stopped POST "$node/action" '{"os-stop":null}'
call stopping GET "$node"
call stopped-twice POST "$node/action" '{"os-stop":null}'
call server-deleted DELETE "$node"
until_is server-gone "$node" '.itemNotFound'
call server-deleted-twice DELETE "$node"

# ---- and away

call rule-removed DELETE "$network/security-group-rules/$rule_id"
call group-deleted DELETE "$network/security-groups/$group_id"
call key-deleted DELETE "$compute/os-keypairs/lf-fixture-key"
call key-gone DELETE "$compute/os-keypairs/lf-fixture-key"
echo 'X-Auth-Token: stale' >"$work/token"
call bad-token-compute GET "$compute/os-keypairs"
call bad-token-network GET "$network/networks"
call bad-token-image GET "$image/images"
cp "$work/good" "$work/token"

# ---- what may be kept of it

rm -rf "$here/fixtures" && mkdir -p "$here/fixtures"
OS_PASSWORD=$OS_PASSWORD python3 - "$work" "$here/fixtures" <<'PY'
import json, os, pathlib, re, sys

work, out = map(pathlib.Path, sys.argv[1:])
roots = json.loads((work / "roots").read_text())
password = os.environ["OS_PASSWORD"]
HEADERS = {"content-type", "location", "retry-after", "www-authenticate", "x-openstack-request-id",
           "x-compute-request-id", "x-subject-token", "openstack-api-version"}
DROPPED = {"adminPass", "hostId", "audit_ids", "os_hash_value", "checksum", "owner_specified.openstack.md5",
           "owner_specified.openstack.sha256", "owner_specified.openstack.object", "dns_name", "dns_domain",
           "standard_attr_id"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
EXTENSIONS = {"address-scope", "availability_zone", "external-net", "quotas", "quota_details", "router", "security-group",
              "standard-attr-description"}
SERVICES = {"identity", "compute", "image", "network", "volumev3"}
OURS = re.compile("lf-fixture-|levelfield-run=fixture")
raw = {name: work / "calls" / name for name in (work / "order").read_text().split()}
server = json.loads((raw["server-created"] / "body").read_text())["server"]["id"]


def ours(item):
    return bool(OURS.search(item.get("name") or "") or OURS.search(item.get("description") or ""))


def trim(body):
    """A listing without what others have in the project."""
    keep = {
        "servers": ours, "keypairs": lambda item: ours(item["keypair"]), "floatingips": ours, "volumes": ours,
        "security_groups": lambda item: ours(item) or item["name"] == "default",
        "ports": lambda item: item["device_id"] == server or item["device_owner"].startswith("network:router"),
        "extensions": lambda item: item["alias"] in EXTENSIONS,
    }
    for name, wanted in keep.items():
        if isinstance(body.get(name), list):
            body[name] = [item for item in body[name] if wanted(item)]
    if "extensions" in body:
        body["extensions"] = [{"alias": item["alias"], "name": item["name"]} for item in body["extensions"]]
    if isinstance(body.get("token"), dict) and "catalog" in body["token"]:
        catalog = [service for service in body["token"]["catalog"] if service["type"] in SERVICES]
        for service in catalog:
            service["endpoints"] = [e for e in service["endpoints"] if e["interface"] == "public"]
        body["token"]["catalog"] = sorted(catalog, key=lambda service: service["type"])
    if isinstance(body.get("output"), str):
        lines = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", body["output"]).splitlines()
        lines = [re.sub(r"^ssh-ed25519 \S+", KEY, line) for line in lines if not re.match(r"(ssh-rsa|ecdsa)\S* AAAA", line)]
        body["output"] = "\n".join(lines if len(lines) < 20 else lines[:10] + lines[-10:]) + "\n"
    return body


def scrub(value):
    if isinstance(value, dict):
        kept = {key: scrub(item) for key, item in value.items() if key not in DROPPED and "SRV-ATTR:h" not in key}
        if isinstance(kept.get("password"), str):
            kept["password"] = "right" if kept["password"] == password else "wrong"
        return {key: None if key.startswith("binding:host") else item for key, item in kept.items()}
    return [scrub(item) for item in value] if isinstance(value, list) else value


seen = {}


def made_up(form):
    def replace(match):
        number = seen.setdefault(match.group(0), len(seen) + 1)
        return form.format(number)
    return replace


def redact(text):
    for service, root in sorted(roots.items(), key=lambda pair: -len(pair[1])):
        text = text.replace(root, f"http://cloud.test/{service}")
    for pattern, form in [
        (r"\b(?!00000000-0000-4000-8000-0{12})[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "5eed0000-0000-4000-8000-{:012x}"),
        (r"\b[0-9a-f]{32}\b", "5eed000000004000{:016x}"),
        (r"\bfa:16:3e(?::[0-9a-f]{2}){3}\b", "fa:16:3e:00:00:{:02x}"),
    ]:
        text = re.sub(pattern, made_up(form), text)
    return text


def loads(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


for name, folder in raw.items():
    made = json.loads((folder / "call").read_text())
    lines = (folder / "headers").read_text().replace("\r", "").strip().splitlines()
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
    headers = {key: value for key, value in headers.items() if key in HEADERS}
    if "x-subject-token" in headers:
        headers["x-subject-token"] = "token"
    record = {"method": made["method"], "path": made["url"]}
    if made["version"]:
        record["version"] = made["version"]
    if request := (folder / "request").read_text():
        record["request"] = scrub(json.loads(request))
    record |= {"status": int(lines[0].split()[1]), "headers": headers}
    text = (folder / "body").read_text(errors="replace")
    body = loads(text)
    if isinstance(body, dict):
        record["body"] = scrub(trim(body))
    elif text:
        record["text"] = text
    record = json.loads(redact(json.dumps(record)))
    record["path"] = record["path"].removeprefix("http://cloud.test")
    (out / f"{name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
PY
chmod -R u=rwX,go=rX "$here/fixtures"
echo "recorded $(find "$here/fixtures" -name '*.json' | wc -l) calls into $here/fixtures"
