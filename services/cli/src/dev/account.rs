//! Under which account a program runs, and how it dies with the supervisor.

use anyhow::{Context, Result, bail};
use nix::unistd::{Gid, Uid, User};
use std::path::{Path, PathBuf};

/// Starts programs, through `setpriv` where the system has it.
#[derive(Clone, Debug)]
pub struct Launcher {
    setpriv: Option<PathBuf>,
    postgres: Option<Account>,
}

/// An account other than our own.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub uid: Uid,
    pub gid: Gid,
}

impl Launcher {
    /// Looks at the system.
    ///
    /// # Errors
    /// As root without a `postgres` account or `setpriv`: Postgres refuses to run as root.
    pub fn new() -> Result<Self> {
        let setpriv = find_setpriv();
        if !Uid::effective().is_root() {
            return Ok(Self {
                setpriv,
                postgres: None,
            });
        }
        if setpriv.is_none() {
            bail!(
                "Postgres refuses to run as root and `setpriv` (util-linux) is missing; install it or run as a normal user"
            );
        }
        let user = User::from_name("postgres")
            .context("looking up the account `postgres`")?
            .context(
                "Postgres refuses to run as root and there is no account `postgres`; create it or run as a normal user",
            )?;
        Ok(Self {
            setpriv,
            postgres: Some(Account {
                name: user.name,
                uid: user.uid,
                gid: user.gid,
            }),
        })
    }

    /// The account Postgres runs as, where it is not our own.
    pub fn postgres_account(&self) -> Option<&Account> {
        self.postgres.as_ref()
    }

    /// `program` under our own account; gets `death_signal` when the supervisor dies.
    pub fn own(&self, program: &Path, death_signal: &str) -> Vec<std::ffi::OsString> {
        self.argv(program, None, death_signal)
    }

    /// `program` under Postgres' account.
    pub fn as_postgres(&self, program: &Path, death_signal: &str) -> Vec<std::ffi::OsString> {
        self.argv(program, self.postgres.as_ref(), death_signal)
    }

    /// `setpriv` replaces itself by the program, so the process is the server's own.
    fn argv(&self, program: &Path, account: Option<&Account>, death_signal: &str) -> Vec<std::ffi::OsString> {
        let mut argv = Vec::new();
        if let Some(setpriv) = &self.setpriv {
            argv.push(setpriv.into());
            argv.extend(["--pdeathsig".into(), death_signal.into()]);
            if let Some(account) = account {
                argv.push(format!("--reuid={}", account.uid).into());
                argv.push(format!("--regid={}", account.gid).into());
                argv.push("--clear-groups".into());
            }
            argv.push("--".into());
        }
        argv.push(program.into());
        argv
    }
}

/// util-linux' own; BusyBox' knows no `--pdeathsig`.
fn find_setpriv() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join("setpriv"))
        .find(|program| {
            std::process::Command::new(program)
                .args(["--pdeathsig", "keep", "true"])
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
}
