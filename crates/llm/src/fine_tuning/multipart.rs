//! A form with one file, as `multipart/form-data`.

use super::NewFile;

/// What stands around the file's bytes.
pub struct Form {
    /// Of the request.
    pub content_type: String,
    /// Before the file.
    pub head: String,
    /// After it.
    pub tail: String,
}

impl Form {
    /// Of a file of JSON lines. A carriage return never stands in one, so that no line can end the part.
    pub fn of(file: &NewFile<'_>) -> Self {
        let boundary = format!("orchestrator-{}", file.key);
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: application/jsonl\r\n\r\n",
            file.name
        );
        Self {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            head,
            tail: format!("\r\n--{boundary}--\r\n"),
        }
    }

    /// Bytes of the whole form.
    pub fn length(&self, file: u64) -> u64 {
        file.saturating_add((self.head.len() + self.tail.len()) as u64)
    }
}
