//! Reading `multipart/form-data` as strictly as needed to notice a form that is not one.

use super::TrainingFile;
use axum::body::Bytes;
use axum::http::{HeaderMap, header};

/// The file of a form with a purpose and a file.
pub fn read(headers: &HeaderMap, body: &Bytes) -> Option<TrainingFile> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let boundary = kind.strip_prefix("multipart/form-data; boundary=")?;
    let first = format!("--{boundary}\r\n");
    let between = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let (mut purpose, mut file) = (None, None);
    loop {
        let end = find(rest, between.as_bytes())?;
        let part = rest.get(..end)?;
        let middle = find(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(part.get(..middle)?).ok()?;
        let content = part.get(middle + 4..)?;
        if head.contains("name=\"purpose\"") {
            purpose = Some(String::from_utf8(content.to_vec()).ok()?);
        }
        if let Some((_, name)) = head.split_once("filename=\"") {
            file = Some((name.split_once('"')?.0.to_owned(), Bytes::copy_from_slice(content)));
        }
        rest = rest.get(end + between.len()..)?;
        if rest == b"--\r\n" {
            break;
        }
        rest = rest.strip_prefix(b"\r\n")?;
    }
    let (name, content) = file?;
    Some(TrainingFile {
        name,
        purpose: purpose?,
        content,
    })
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}
