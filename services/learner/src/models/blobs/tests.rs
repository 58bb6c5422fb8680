use super::*;
use crate::models::file::tests::made::{small_gguf, small_safetensors};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use std::os::unix::fs::symlink;

const MOST: u64 = 1 << 20;

/// A directory that goes with its test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("models-{}", service::ids::v7()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn blobs(&self, most: u64) -> Blobs {
        Blobs::open(self.0.join("blobs"), most).unwrap()
    }

    fn names(&self, under: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join("blobs").join(under)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn is_clean(&self) -> bool {
        self.names("tmp").is_empty() && self.names("sha256").is_empty()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

type Piece = Result<Bytes, String>;

/// Takes in what a stream brings; `progress` is told the bytes so far.
async fn receive(
    blobs: &Blobs,
    stream: impl Stream<Item = Piece>,
    mut progress: impl FnMut(u64),
) -> Result<Blob, IntakeError> {
    let mut stream = std::pin::pin!(stream);
    let mut incoming = blobs.begin(service::ids::v7())?;
    while let Some(bytes) = stream.next().await {
        incoming = append(incoming, bytes.map_err(IntakeError::Aborted)?).await?;
        progress(incoming.size());
    }
    blocking(move || incoming.check()?.keep()).await
}

fn pieces(bytes: &[u8], size: usize) -> Vec<Piece> {
    bytes
        .chunks(size)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect()
}

async fn taken(blobs: &Blobs, pieces: Vec<Piece>) -> Result<Blob, IntakeError> {
    receive(blobs, stream::iter(pieces), |_| ()).await
}

#[tokio::test]
async fn a_sound_file_is_kept_once_under_its_hash() {
    let dir = Dir::new();
    let blobs = dir.blobs(MOST);
    let bytes = small_safetensors();
    let mut seen = Vec::new();
    let stream = stream::iter(pieces(&bytes, 50));
    let blob = receive(&blobs, stream, |size| seen.push(size)).await.unwrap();
    // By another implementation of SHA-256.
    assert_eq!(
        blob.sha256,
        "85e19894adef9609fc95e67a1a942649bfb28b3189fd7395d457f71f4aee705c"
    );
    assert_eq!(
        (blob.size, seen.last()),
        (bytes.len() as u64, Some(&(bytes.len() as u64)))
    );
    assert!(seen.len() > 1 && seen.is_sorted());
    assert_eq!(fs::read(&blob.path).unwrap(), bytes);
    assert_eq!(blobs.path(&blob.sha256), Some(blob.path.clone()));
    assert_eq!(taken(&blobs, pieces(&bytes, 7)).await.unwrap(), blob);
    assert_ne!(
        taken(&blobs, pieces(&small_gguf(), 7)).await.unwrap().sha256,
        blob.sha256
    );
    assert_eq!((dir.names("tmp").len(), dir.names("sha256").len()), (0, 2));
    for sha in ["", "..", "../../../etc/passwd", &"A".repeat(64), &blob.sha256[1..]] {
        assert_eq!(blobs.path(sha), None, "{sha}");
    }
}

#[tokio::test]
async fn what_is_refused_or_broken_off_leaves_nothing() {
    let dir = Dir::new();
    let (blobs, small) = (dir.blobs(MOST), dir.blobs(100));
    let bytes = small_gguf();
    let cut = &bytes[..bytes.len() - 17];
    let code = |answer: Result<Blob, IntakeError>| answer.unwrap_err().code();
    assert_eq!(code(taken(&blobs, pieces(cut, 64)).await), "model_file_truncated");
    assert_eq!(
        code(taken(&blobs, pieces(b"\x80\x04\x95pickle", 4)).await),
        "model_file_runs_code"
    );
    assert_eq!(code(taken(&blobs, Vec::new()).await), "model_file_unknown_format");
    assert_eq!(code(taken(&small, pieces(&bytes, 64)).await), "model_file_too_large");
    let mut broken = pieces(&bytes, 64);
    broken[2] = Err("connection reset".to_owned());
    assert_eq!(code(taken(&blobs, broken).await), "upload_aborted");
    assert!(dir.is_clean());
    // Nobody waits for it any more.
    let endless = stream::iter(pieces(&bytes, 64)).chain(stream::pending());
    let begun = async {
        let (told, mut arrived) = tokio::sync::watch::channel(0);
        let upload = receive(&blobs, endless, |size| {
            told.send_replace(size);
        });
        let there = async {
            arrived.wait_for(|size| *size == bytes.len() as u64).await.unwrap();
            dir.names("tmp").len()
        };
        tokio::select! {
            _ = upload => panic!("it has no end"),
            there = there => assert_eq!(there, 1),
        }
    };
    begun.await;
    assert!(dir.is_clean());
}

#[tokio::test]
async fn a_sweep_deletes_what_a_crash_left_and_nothing_that_still_comes_in() {
    let dir = Dir::new();
    let blobs = dir.blobs(MOST);
    let kept = taken(&blobs, pieces(&small_gguf(), 64)).await.unwrap();
    // A crash runs no destructors, but ends locks.
    fs::write(dir.0.join("blobs/tmp/crashed"), b"GGUF").unwrap();
    let coming = blobs.begin(service::ids::v7()).unwrap();
    assert_eq!(blobs.sweep().unwrap(), 1);
    assert_eq!((blobs.sweep().unwrap(), dir.names("tmp").len()), (0, 1));
    drop(coming);
    assert!(dir.names("tmp").is_empty() && kept.path.exists());
    assert_eq!(blobs.hashes().unwrap(), std::slice::from_ref(&kept.sha256));
    blobs.discard(&kept.sha256).unwrap();
    assert!(dir.is_clean());
}

#[tokio::test]
async fn a_file_of_the_directory_is_copied_and_may_change_afterwards() {
    let dir = Dir::new();
    let (blobs, models) = (dir.blobs(MOST), dir.0.join("models"));
    fs::create_dir_all(models.join("llama")).unwrap();
    let path = models.join("llama/small.gguf");
    fs::write(&path, small_gguf()).unwrap();
    let open = |given: &str| open_local(&models, given);
    let incoming = blobs.begin(service::ids::v7()).unwrap();
    let incoming = copy(incoming, open("llama/small.gguf").unwrap()).await.unwrap();
    let blob = incoming.check().unwrap().keep().unwrap();
    fs::write(&path, b"something else").unwrap();
    assert_eq!(fs::read(&blob.path).unwrap(), small_gguf());
    assert!(open(path.to_str().unwrap()).is_ok(), "the whole path means the same");
}

#[tokio::test]
async fn nothing_outside_of_the_directory_is_opened() {
    let dir = Dir::new();
    let models = dir.0.join("models");
    fs::create_dir_all(models.join("folder")).unwrap();
    fs::write(dir.0.join("secret"), b"secret").unwrap();
    fs::write(models.join("folder/real"), b"real").unwrap();
    symlink(dir.0.join("secret"), models.join("link")).unwrap();
    symlink(&dir.0, models.join("up")).unwrap();
    symlink("folder", models.join("inside")).unwrap();
    nix::unistd::mkfifo(&models.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let refused = |given: &str| match open_local(&models, given) {
        Err(IntakeError::Path(why)) => why,
        other => panic!("{given}: {other:?}"),
    };
    for given in ["../secret", "folder/../../secret", "/etc/passwd", "./link", "..", ""] {
        refused(given);
    }
    let outside = dir.0.join("secret");
    refused(outside.to_str().unwrap());
    for given in ["link", "up/secret", "inside/real", "folder/real/x"] {
        assert!(refused(given).contains("a link"), "{given}");
    }
    assert!(refused("folder").contains("no regular file"));
    assert!(refused("pipe").contains("no regular file"));
    assert!(refused("absent").contains("no such file"));
    assert!(open_local(&models, "folder/real").is_ok());
}
