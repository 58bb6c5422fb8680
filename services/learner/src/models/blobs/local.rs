use super::error::IntakeError;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

/// Opens a file below `dir` for reading. `given` is a path below it, or one that begins with it.
///
/// Each part is opened from the one before, following no links, so that what is checked is what is opened, whatever is
/// renamed meanwhile.
///
/// # Errors
/// When it leads elsewhere, through a link, to no regular file, or nowhere.
pub fn open_local(dir: &Path, given: &str) -> Result<File, IntakeError> {
    let refused = |why: &str| IntakeError::Path(format!("{given}: {why}"));
    let given_path = Path::new(given);
    let below = given_path.strip_prefix(dir).unwrap_or(given_path);
    let mut parts = Vec::new();
    for part in below.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            _ => return Err(refused("not a path below the directory of models")),
        }
    }
    let Some((name, folders)) = parts.split_last() else {
        return Err(refused("names no file"));
    };
    let mut at = OwnedFd::from(File::open(dir).map_err(IntakeError::Read)?);
    for folder in folders {
        at = opened(&at, folder, OFlag::O_DIRECTORY).map_err(|errno| refused(told(errno)))?;
    }
    // A pipe without a writer must not stop us.
    let file = opened(&at, name, OFlag::O_NONBLOCK).map_err(|errno| refused(told(errno)))?;
    let file = File::from(file);
    match file.metadata().map_err(IntakeError::Read)?.is_file() {
        true => Ok(file),
        false => Err(refused("no regular file")),
    }
}

fn opened(at: &OwnedFd, name: &std::ffi::OsStr, more: OFlag) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | more;
    openat(at, name, flags, Mode::empty())
}

fn told(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOENT => "there is no such file",
        Errno::ELOOP | Errno::ENOTDIR => "leads through a link, or through what is no directory",
        Errno::EACCES | Errno::EPERM => "may not be read",
        _ => "cannot be opened",
    }
}
