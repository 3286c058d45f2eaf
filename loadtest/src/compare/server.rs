//! Servers that are started for one run: found, on a free port of the loopback address, stopped at the end.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take until it can be asked.
pub(super) const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// How long it may take to stop before it is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// Characters of a server's log that are shown when it fails.
const LOG_TAIL: usize = 600;

/// Users that a server which refuses root is run as, whichever is there first.
const OTHER_USERS: [&str; 2] = ["postgres", "nobody"];

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// A process that runs until this is dropped.
pub(super) struct Server {
    child: Child,
    /// Ends it when this process is killed, which can then not do so itself.
    watcher: Option<Child>,
    log: PathBuf,
    /// What asks it to stop; without it, or when it does not help, it is killed.
    stop: Option<Command>,
}

impl Server {
    /// Starts `command` with its output in `log`.
    pub(super) fn start(mut command: Command, log: PathBuf, stop: Option<Command>) -> Result<Self> {
        let out = File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let errors = out.try_clone().context("sharing the log")?;
        command.stdin(Stdio::null()).stdout(out).stderr(errors);
        let child = command.spawn().with_context(|| format!("starting {:?}", command.get_program()))?;
        let watcher = watch(child.id());
        Ok(Self { child, watcher, log, stop })
    }

    /// Fails, with the end of its log, when the process has ended.
    pub(super) fn is_running(&mut self) -> Result<()> {
        match self.child.try_wait().context("asking after a server")? {
            None => Ok(()),
            Some(status) => bail!("it ended at once with {status}: {}", tail(&self.log)),
        }
    }

    /// Tries until `ask` succeeds, the process has ended or it took too long.
    pub(super) fn wait_until<T>(&mut self, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
        let give_up = Instant::now() + STARTS_WITHIN;
        loop {
            self.is_running()?;
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) if Instant::now() >= give_up => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            let _ = watcher.kill();
            let _ = watcher.wait();
        }
        // Whatever fails here, the process is killed at the end, and there is nobody to tell.
        if let Some(mut stop) = self.stop.take() {
            let _ = stop.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
            let give_up = Instant::now() + STOPS_WITHIN;
            while Instant::now() < give_up {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell that ends the process once this one has gone, however it went: its input is closed then. Without a shell
/// nobody watches.
fn watch(process: u32) -> Option<Child> {
    // Whoever runs in the background may ignore softer signals, so that a hard one follows.
    let script = "read -r _; kill -TERM \"$0\"; sleep 5; kill -KILL \"$0\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, &process.to_string()]).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

/// The end of a log, in one line.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let skipped = text.chars().count().saturating_sub(LOG_TAIL);
    text.chars().skip(skipped).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs a command to its end; fails with what it said.
pub(super) fn finish(mut command: Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {:?}", command.get_program()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{:?} ended with {}: {}", command.get_program(), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A port of the loopback address that was free a moment ago.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}

/// Where a program is: in one of the folders of `PATH`, else in one of `more`.
pub(super) fn find(program: &str, more: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(more.iter().cloned()).collect();
    folders.iter().map(|folder| folder.join(program)).find(|file| is_program(file))
}

pub(super) fn is_program(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A command that runs as `user`, or as whoever runs this.
pub(super) fn command(program: impl AsRef<OsStr>, user: Option<&User>) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// Whom to run a server as that refuses root: `None` when this is not root anyway.
pub(super) fn other_than_root() -> Result<Option<User>> {
    let me = std::fs::metadata("/proc/self").context("asking who runs this")?.uid();
    if me != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    match OTHER_USERS.iter().find_map(|name| user(&users, name)) {
        Some(found) => Ok(Some(found)),
        None => bail!("it refuses to run as root, and there is no user {}", OTHER_USERS.join(" or ")),
    }
}

/// The user of this name in the lines of `/etc/passwd`.
fn user(users: &str, name: &str) -> Option<User> {
    users.lines().find_map(|line| {
        let mut words = line.split(':');
        let (found, _, uid, gid) = (words.next()?, words.next()?, words.next()?, words.next()?);
        (found == name)
            .then(|| Some(User { name: found.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? }))?
    })
}

/// The version in what a program says of itself: the first word that begins with digits and a dot, behind `v=` or not.
pub(super) fn version(said: &str) -> Option<&str> {
    said.split_whitespace().map(|word| word.strip_prefix("v=").unwrap_or(word)).find(|word| {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && word.as_bytes().get(digits) == Some(&b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_out_of_what_the_servers_say_of_themselves() {
        let postgres = "postgres (PostgreSQL) 15.12 (Debian 15.12-0+deb12u2)\n";
        assert_eq!(version(postgres), Some("15.12"));
        let redis =
            "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0\n";
        assert_eq!(version(redis), Some("7.0.15"));
        assert_eq!(version("no such thing as 64 bits"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_server_is_ended_when_whoever_started_it_has_gone() {
        let mut sleeper = Command::new("sleep").arg("600").spawn().unwrap();
        let mut watcher = watch(sleeper.id()).unwrap();
        assert!(sleeper.try_wait().unwrap().is_none());
        // The system does this to a process that is killed.
        drop(watcher.stdin.take());
        assert!(!sleeper.wait().unwrap().success());
        watcher.wait().unwrap();
    }

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\nnobody2:x:7:7::/:/x\nnobody:x:65534:65533:n:/:/x\n";
        let nobody = User { name: "nobody".to_owned(), uid: 65_534, gid: 65_533 };
        assert_eq!(user(users, "nobody"), Some(nobody));
        assert_eq!(user(users, "postgres"), None);
    }

    #[test]
    fn only_a_file_that_may_be_run_is_a_program() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (program, more) = ("compare-no-such-server", [folder.path().to_owned()]);
        assert_eq!(find(program, &more), None);
        let file = folder.path().join(program);
        std::fs::write(&file, "#!/bin/sh\n")?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))?;
        assert_eq!(find(program, &more), None);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
        assert_eq!(find(program, &more), Some(file));
        Ok(())
    }

    #[test]
    fn a_server_that_ends_at_once_is_told_with_its_log() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo no room here >&2; exit 3"]);
        let mut server = Server::start(shell, folder.path().join("log"), None)?;
        let failed = server.wait_until(|| -> Result<()> { bail!("nobody answers") }).expect_err("it ended");
        assert!(failed.to_string().contains("no room here"), "{failed}");
        Ok(())
    }
}
