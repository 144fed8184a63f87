//! The throw-away cluster: closed to others, never mistaken for another server, gone at its end.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use erpscope::demo::cluster::{Cluster, ClusterError, Options, SUPERUSER};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rig::admin;

#[tokio::test]
async fn other_people_on_this_machine_are_no_superuser_of_it() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    // Whoever is superuser runs programs as the server's account.
    let refused = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(cluster.port())
        .user(SUPERUSER)
        .connect(tokio_postgres::NoTls)
        .await;
    assert!(refused.is_err(), "a superuser without a password, by TCP");
    admin(&cluster).await;
}

#[tokio::test]
async fn a_server_which_finds_its_port_taken_does_not_pass_for_started() {
    let mut first = Cluster::start(&Options::default()).await.unwrap();
    let mut second = Cluster::start(&Options::default()).await.unwrap();
    first.stop().await.unwrap();
    second.stop().await.unwrap();
    let port = first.port();
    second.append("postgresql.conf", &format!("port = {port}")).unwrap();
    let race = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        first.start_again().await
    };
    let started = tokio::select! {
        started = race => started,
        // It waits at its old port.
        _ = second.start_again() => panic!("ready at another port"),
    };
    let error = started.expect_err("another server answers at its port").to_string();
    assert!(error.contains("could not bind"), "{error}");
}

/// Whether a process is there and no zombie.
fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[tokio::test]
async fn no_process_outlives_it_not_even_one_that_does_not_answer() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    let folder = cluster.folder().to_owned();
    drop(cluster);
    let outlived = lives(pid);
    if outlived {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    assert!(!outlived && !folder.exists());
}

/// Programs of which `initdb` never ends and has a child that makes folders all the time.
fn restless_programs() -> tempfile::TempDir {
    let open = |mode| std::fs::Permissions::from_mode(mode);
    let folder = tempfile::Builder::new().permissions(open(0o777)).tempdir().unwrap();
    // Whatever the umask is: the server's account writes into it.
    std::fs::set_permissions(folder.path(), open(0o777)).unwrap();
    let initdb = format!(
        "#!/bin/sh\nwhile :; do mkdir -p \"$2/again\"; done &\necho $! \"$2\" > {0}/new\nmv {0}/new {0}/begun\nwait\n",
        folder.path().display()
    );
    for (name, text) in [("initdb", initdb.as_str()), ("postgres", "")] {
        std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::set_permissions(folder.path().join(name), open(0o755)).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing_behind() {
    let programs = restless_programs();
    let begun = programs.path().join("begun");
    let options = Options { pg_bin: Some(programs.path().into()), ..Options::default() };
    let given_up = async {
        while !begun.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        started = Cluster::start(&options) => panic!("{:?}", started.err()),
        () = given_up => {}
    }
    let words = std::fs::read_to_string(&begun).unwrap();
    let (pid, data) = words.trim_end().split_once(' ').unwrap();
    let (pid, folder) = (pid.parse().unwrap(), Path::new(data).parent().unwrap());
    // It was killed; how soon it is gone is up to the system.
    for _ in 0..500 {
        if !lives(pid) && !folder.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
    panic!("within 5 s: {words}");
}

#[tokio::test]
async fn a_setting_that_the_server_refuses_is_said_in_its_words() {
    let options = Options::default().set("no_such_setting", "1");
    match Cluster::start(&options).await {
        Err(error @ ClusterError::Failed { .. }) => {
            assert!(error.to_string().contains("no_such_setting"), "{error}");
        }
        other => panic!("{:?}", other.err()),
    }
}
