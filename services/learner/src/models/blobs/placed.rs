use super::{Blobs, sync_dir};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Beside the matrices of an adapter.
pub const CONFIG: &str = "adapter_config.json";
const MATRICES: &str = "adapter_model.safetensors";

/// What a file is to be served as.
#[derive(Clone, Copy, Debug)]
pub enum Form<'a> {
    /// One file with this ending.
    File(&'static str),
    /// A folder of an adapter in safetensors, with its configuration.
    Adapter(&'a str),
}

impl Form<'_> {
    /// Where it lies below the storage, by the name that it is served by.
    pub fn below(self, served_as: &str) -> PathBuf {
        let served = Path::new("served");
        match self {
            Self::File(ending) => served.join(format!("{served_as}.{ending}")),
            Self::Adapter(_) => served.join(served_as),
        }
    }
}

impl Blobs {
    /// Puts a blob under the name that it is served by; tells where, below the storage. What is there already is the same.
    ///
    /// # Errors
    /// When the blob is not there, or the disk does not take it.
    pub fn place(&self, sha256: &str, served_as: &str, form: Form<'_>) -> io::Result<PathBuf> {
        let blob = self.path(sha256).ok_or(io::ErrorKind::InvalidInput)?;
        let below = form.below(served_as);
        let path = self.dir.join(&below);
        match form {
            Form::File(_) => link(&blob, &path)?,
            Form::Adapter(config) => {
                fs::create_dir_all(&path)?;
                link(&blob, &path.join(MATRICES))?;
                written(&path.join(CONFIG), config)?;
                sync_dir(&path)?;
            }
        }
        sync_dir(&self.placed())?;
        Ok(below)
    }

    /// Takes it away again; the blob stays.
    ///
    /// # Errors
    /// When it stays there.
    pub fn displace(&self, placed: &Path) -> io::Result<()> {
        let path = self.dir.join(placed);
        let gone = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        gone.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    }

    /// Where what was placed lies.
    pub fn at(&self, placed: &Path) -> PathBuf {
        self.dir.join(placed)
    }
}

/// A second name of the same bytes: nothing is copied, and no server follows a link out of what it sees.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

/// Whole, or not at all: a server may read at any time.
fn written(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", service::ids::v7()));
    let mut file = fs::File::create_new(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}
