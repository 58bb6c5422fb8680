//! The private Postgres cluster: its directory, its settings, its first start.

use super::account::{Account, Launcher};
use super::credentials::Credentials;
use super::programs;
use super::say;
use crate::layout::Layout;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Postgres shuts down fast on it: clients are cut off, everything committed is on disk.
pub const FAST_SHUTDOWN: &str = "INT";

/// A cluster ready to be started.
#[derive(Debug)]
pub struct Cluster {
    data: PathBuf,
    program: PathBuf,
    launcher: Launcher,
}

impl Cluster {
    /// Finds or makes the cluster and writes its settings.
    ///
    /// # Errors
    /// When there is no fitting Postgres, or `initdb` fails.
    pub fn prepare(layout: &Layout, launcher: &Launcher, credentials: &Credentials, port: u16) -> Result<Self> {
        let data = data_directory(layout, launcher)?;
        let major = fs::read_to_string(data.join("PG_VERSION"))
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let (directory, server) = programs::postgres(major)?;
        let cluster = Self {
            data,
            program: server.program,
            launcher: launcher.clone(),
        };
        if major.is_none() {
            say(&format!(
                "initialising a Postgres {} cluster in {}",
                server.version,
                cluster.data.display()
            ));
            cluster.initialise(&directory.join("initdb"), &credentials.postgres_superuser)?;
        }
        cluster.forget_foreign_lock();
        cluster.write_private("orchestrator.conf", &settings(port))?;
        Ok(cluster)
    }

    /// The server's command line.
    pub fn argv(&self) -> Vec<OsString> {
        let mut argv = self.launcher.as_postgres(&self.program, FAST_SHUTDOWN);
        argv.extend(["-D".into(), self.data.clone().into()]);
        argv
    }

    /// `initdb` works beside and is renamed when whole, so that an interrupted one leaves nothing.
    fn initialise(&self, initdb: &Path, superuser_password: &str) -> Result<()> {
        let fresh = beside(&self.data, ".initdb");
        let password_file = beside(&self.data, ".password");
        if fresh.exists() {
            fs::remove_dir_all(&fresh).with_context(|| format!("removing {}", fresh.display()))?;
        }
        own_directory(&fresh, self.launcher.postgres_account())?;
        crate::layout::replace_private(&password_file, superuser_password.as_bytes())?;
        chown(&password_file, self.launcher.postgres_account())?;

        let ctype = if cfg!(target_os = "linux") {
            "C.UTF-8"
        } else {
            "en_US.UTF-8"
        };
        let mut argv = self.launcher.as_postgres(initdb, "TERM");
        argv.extend([
            "-D".into(),
            fresh.clone().into(),
            "--pwfile".into(),
            password_file.clone().into(),
        ]);
        argv.extend(
            [
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
            ]
            .map(Into::into),
        );
        argv.extend([format!("--lc-ctype={ctype}").into(), "--no-instructions".into()]);
        let output = run(&argv);
        fs::remove_file(&password_file).with_context(|| format!("removing {}", password_file.display()))?;
        let output = output?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let mut conf = fs::read_to_string(fresh.join("postgresql.conf")).context("reading postgresql.conf")?;
        conf.push_str("\ninclude 'orchestrator.conf'\n");
        fs::write(fresh.join("postgresql.conf"), conf).context("writing postgresql.conf")?;
        // The directory made beforehand is empty, so the rename replaces it.
        fs::rename(&fresh, &self.data).with_context(|| format!("renaming to {}", self.data.display()))
    }

    /// After a reboot the process id in `postmaster.pid` may be anyone's; Postgres would wait for it.
    fn forget_foreign_lock(&self) {
        let path = self.data.join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&path) else { return };
        let owner = text.lines().next().and_then(|line| line.trim().parse().ok());
        if owner
            .and_then(super::process::program_name)
            .is_some_and(|name| name.starts_with("postgres"))
        {
            return;
        }
        if let Err(error) = fs::remove_file(&path) {
            say(&format!("{} is stale and cannot be removed: {error}", path.display()));
        }
    }

    fn write_private(&self, name: &str, content: &str) -> Result<()> {
        let path = self.data.join(name);
        crate::layout::replace_private(&path, content.as_bytes())?;
        chown(&path, self.launcher.postgres_account())
    }
}

/// Durable, on loopback alone, sized for one machine.
fn settings(port: u16) -> String {
    // After a crash every file is made durable first; one call for the whole file system takes a
    // fraction of the seconds that a thousand single ones take on a busy disk.
    let sync = if cfg!(target_os = "linux") { "syncfs" } else { "fsync" };
    format!(
        "# Written by the supervisor at every start.\n\
         listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 200\n\
         shared_buffers = 256MB\nfsync = on\nsynchronous_commit = on\nrecovery_init_sync_method = {sync}\n\
         max_wal_size = 4GB\nmin_wal_size = 256MB\ncheckpoint_timeout = 15min\n\
         random_page_cost = 1.1\njit = off\nautovacuum_naptime = 15s\n\
         timezone = 'UTC'\nlog_timezone = 'UTC'\nlog_line_prefix = '%m [%p] %u@%d '\nlog_checkpoints = on\n"
    )
}

/// `.orchestrator/postgres`, or where it links to. Postgres under an account of its own must be able
/// to walk there; where a parent directory shuts it out, the cluster lives under `/var/lib`.
fn data_directory(layout: &Layout, launcher: &Launcher) -> Result<PathBuf> {
    let wanted = layout.postgres();
    if let Ok(existing) = wanted.canonicalize() {
        if existing.join("PG_VERSION").exists() || reachable(&existing, launcher)? {
            own_directory(&existing, launcher.postgres_account())?;
            return Ok(existing);
        }
        fs::remove_dir(&existing).with_context(|| format!("removing the empty {}", existing.display()))?;
    } else {
        own_directory(&wanted, launcher.postgres_account())?;
        if reachable(&wanted, launcher)? {
            return wanted
                .canonicalize()
                .with_context(|| format!("resolving {}", wanted.display()));
        }
        fs::remove_dir(&wanted).with_context(|| format!("removing {}", wanted.display()))?;
    }
    let elsewhere = elsewhere(layout)?;
    own_directory(&elsewhere, launcher.postgres_account())?;
    if !reachable(&elsewhere, launcher)? {
        bail!(
            "the account `postgres` can reach neither {} nor {}",
            wanted.display(),
            elsewhere.display()
        );
    }
    std::os::unix::fs::symlink(&elsewhere, &wanted).with_context(|| format!("linking {}", wanted.display()))?;
    say(&format!(
        "the account `postgres` cannot walk to {}: the cluster lives in {} (linked)",
        layout.state().display(),
        elsewhere.display()
    ));
    Ok(elsewhere)
}

/// One directory a state directory, named after its path.
fn elsewhere(layout: &Layout) -> Result<PathBuf> {
    let state = layout.state().canonicalize().context("resolving the state directory")?;
    let name = state.to_string_lossy().trim_matches('/').replace('/', "-");
    let base = Path::new("/var/lib/orchestrator");
    fs::create_dir_all(base).with_context(|| format!("creating {}", base.display()))?;
    Ok(base.join(name))
}

/// Whether Postgres' account can write to `directory`, a sibling of it included (see `initialise`:
/// those are made by us, only the path to them must be open).
fn reachable(directory: &Path, launcher: &Launcher) -> Result<bool> {
    if launcher.postgres_account().is_none() {
        return Ok(true);
    }
    let mut argv = launcher.as_postgres(Path::new("/usr/bin/test"), "TERM");
    argv.extend(["-w".into(), directory.into()]);
    Ok(run(&argv)?.status.success())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn own_directory(directory: &Path, account: Option<&Account>) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("closing {}", directory.display()))?;
    chown(directory, account)
}

fn chown(path: &Path, account: Option<&Account>) -> Result<()> {
    let Some(account) = account else { return Ok(()) };
    std::os::unix::fs::chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw()))
        .with_context(|| format!("giving {} to {}", path.display(), account.name))
}

fn run(argv: &[OsString]) -> Result<std::process::Output> {
    let (program, arguments) = argv.split_first().context("an empty command line")?;
    Command::new(program)
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {}", program.display()))
}
