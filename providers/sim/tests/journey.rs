//! One node from key to termination, through the provider and real SSH, as the harness goes.

mod support;

use std::time::Duration;

use levelfield_provider::{
    AddressOrigin, FailureClass, Kind, NodeAction, NodeState, Protocol, Provider, ResourceRef, Scope,
};
use levelfield_sim::Mutation;
use russh::MethodKind;
use support::{Refused, Rig, Shell, key, rule, ssh_address, until};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_lives_as_on_aws() {
    let rig = Rig::new("aws-like", &[]).await;
    let sim = &rig.sim;
    let mut request = rig.request("web-1");
    request.user_data = Some(
        "#cloud-config\nwrite_files:\n- {path: /var/lib/levelfield/boots, append: true, content: \"ran\\n\"}\n".into(),
    );
    let node = rig.node(&request).await;
    let public = node.addresses_in(Scope::Public).next().unwrap();
    assert_eq!(public.origin, AddressOrigin::Default);

    let shell = rig.login(&node, "admin").await;
    let refused = Shell::login(ssh_address(&node), "admin", &key()).await.err();
    assert_eq!(refused, Some(Refused::Key(vec![MethodKind::PublicKey])));
    assert!(Shell::login(ssh_address(&node), "root", &rig.private).await.is_err());

    assert!(shell.run("cat /etc/os-release").await.1.contains("VERSION_ID=\"12\""));
    assert_eq!(shell.run("hostname").await, (0, "web-1\n".into()));
    assert_eq!(shell.run("getent ahosts web-1").await.0, 0);
    let (_, token) = shell
        .run("curl -sS -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token")
        .await;
    let metadata = "http://169.254.169.254/latest/meta-data";
    assert!(shell.run(&format!("curl -sS -i -m 5 {metadata}/instance-id")).await.1.starts_with("HTTP/1.1 401"));
    let header = format!("-H 'X-aws-ec2-metadata-token: {token}'");
    assert_eq!(shell.run(&format!("curl -sS -m 5 {header} {metadata}/instance-id")).await, (0, node.id.clone()));
    let (_, stated) = shell.run(&format!("curl -sS -m 5 {header} {metadata}/public-ipv4")).await;
    assert_eq!(stated, public.address.to_string());
    let (_, echoed) = shell.run("curl -sS -m 5 http://echo.levelfield.test/echo").await;
    assert_eq!(echoed.trim(), stated);
    let six = node.addresses_in(Scope::Public).find(|address| address.address.is_ipv6()).unwrap();
    let (_, echoed) = shell.run("curl -sS -m 5 http://echo6.levelfield.test/echo").await;
    assert_eq!(echoed.trim(), six.address.to_string());
    assert!(Shell::login(six.ssh(), "admin", &rig.private).await.is_ok());
    assert_eq!(shell.run("curl -sS -m 5 http://example.com/").await.0, 6);
    assert_eq!(shell.run("curl -sS -m 5 http://93.184.216.34/").await.0, 7);
    let console = sim.console(&node.id).await.unwrap().text;
    assert!(console.contains(shell.host_key.to_openssh().unwrap().split(' ').nth(1).unwrap()));

    let (_, boot_id) = shell.run("cat /proc/sys/kernel/random/boot_id").await;
    sim.act(&node.id, NodeAction::Reboot).await.unwrap();
    let shell_after = until("the node is back", async || {
        let shell = Shell::login(ssh_address(&node), "admin", &rig.private).await.ok()?;
        (shell.run("cat /proc/sys/kernel/random/boot_id").await.1 != boot_id).then_some(shell)
    })
    .await;
    assert_eq!(shell_after.host_key, shell.host_key);
    assert_eq!(shell_after.run("cat /var/lib/levelfield/boots").await, (0, "ran\n".into()));

    sim.act(&node.id, NodeAction::Stop).await.unwrap();
    rig.reaches(&node.id, NodeState::Stopped).await;
    sim.act(&node.id, NodeAction::Start).await.unwrap();
    let restarted = rig.reaches(&node.id, NodeState::Running).await;
    assert_eq!(restarted.addresses_in(Scope::Private).next(), node.addresses_in(Scope::Private).next());
    rig.login(&restarted, "admin").await;

    let busy = sim.delete(&ResourceRef::new(Kind::Group, &rig.group.id)).await.unwrap_err();
    assert_eq!(busy.class, FailureClass::Conflict);
    for resource in [
        ResourceRef::new(Kind::Node, &node.id),
        ResourceRef::new(Kind::Node, &node.id),
        ResourceRef::new(Kind::KeyPair, &rig.key.id),
    ] {
        sim.delete(&resource).await.unwrap();
    }
    rig.reaches(&node.id, NodeState::Terminated).await;
    sim.delete(&ResourceRef::new(Kind::Group, &rig.group.id)).await.unwrap();
    assert_eq!(Shell::login(ssh_address(&restarted), "admin", &rig.private).await.err(), Some(Refused::Connection));
    assert_eq!(sim.inventory().await.unwrap(), []);
    assert_eq!(sim.addresses().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_open_and_close_ports_of_a_live_node() {
    let rig = Rig::new("aws-like", &[]).await;
    let (a, b) = (rig.request("a-one"), rig.request("b-two"));
    let (a, b) = tokio::join!(rig.node(&a), rig.node(&b));
    let shell = rig.login(&a, "admin").await;
    rig.login(&b, "admin").await;
    let other = b.addresses_in(Scope::Private).next().unwrap().address;
    let (status, text) = shell.run(&format!("ping -n -c 2 -W 2 {other}")).await;
    assert!(status == 0 && text.contains("2 received") && text.contains("rtt min/avg/max/mdev"), "{text}");
    assert_eq!(shell.run("ping -n -c 1 -W 2 -M do -s 8973 b-two").await.0, 0);
    assert_eq!(shell.run("ping -n -c 1 -W 2 -M do -s 8974 b-two").await.0, 1);

    let _listening = shell.start("timeout 60 python3 -m http.server 8431 --bind 0.0.0.0").await;
    let address = (ssh_address(&a).ip(), 8431);
    let connects = async || tokio::time::timeout(Duration::from_millis(400), TcpStream::connect(address)).await;
    until("the port is silent", async || connects().await.err()).await;
    let rule = rule(Protocol::Tcp, 8431, 8431, "0.0.0.0/0");
    rig.sim.add_rule(&rig.group.id, &rule).await.unwrap();
    until("the port is open", async || connects().await.ok()?.ok()).await;
    rig.sim.remove_rule(&rig.group.id, &rule).await.unwrap();
    until("the port is silent again", async || connects().await.err()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floating_addresses_lead_where_they_are_attached() {
    let rig = Rig::new("openstack-common", &[]).await;
    let (a, b) = (rig.request("a-one"), rig.request("b-two"));
    let (a, b) = tokio::join!(rig.node(&a), rig.node(&b));
    assert_eq!(a.addresses_in(Scope::Public).count(), 0);
    let request = levelfield_provider::AddressRequest { tags: support::tags() };
    let address = rig.sim.allocate_address(&request).await.unwrap();
    for node in [&a, &b] {
        rig.sim.attach_address(&address.id, &node.id).await.unwrap();
        let node = rig.sim.node(&node.id).await.unwrap();
        let public = node.addresses_in(Scope::Public).next().unwrap();
        assert_eq!((public.address, public.origin), (address.address, AddressOrigin::Floating));
        until("the address leads to the node", async || {
            let shell = Shell::login(public.ssh(), "cloud-user", &rig.private).await.ok()?;
            (shell.run("hostname").await.1.trim() == node.name).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hardening_and_its_mutations() {
    let rig = Rig::new("aws-like", &[Mutation::PasswordLoginStays]).await;
    let node = rig.node(&rig.request("web-1")).await;
    let shell = rig.login(&node, "admin").await;
    let operator = key();
    let line = format!("{}\n", operator.public_key().to_openssh().unwrap());
    assert_eq!(shell.run_with("sudo -n tee /root/.ssh/authorized_keys", &line).await, (0, line));
    assert!(Shell::login(ssh_address(&node), "root", &operator).await.is_ok());
    assert_eq!(shell.run_with("sudo -n chpasswd", "admin:geheim\n").await.0, 0);
    assert!(!Shell::password(ssh_address(&node), "admin", "geheim").await);
    assert_eq!(shell.run("sudo -n systemctl reload ssh").await.0, 0);
    assert!(Shell::password(ssh_address(&node), "admin", "geheim").await);
}
