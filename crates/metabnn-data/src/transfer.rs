//! One HTTP download into a file, continuing what the file already holds.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode, Uri};

/// Why a download did not come to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server's side: another attempt or another mirror may do better.
    Server(String),
    /// This side: the file cannot be written, whatever the mirror.
    Disk(io::Error),
}

/// An HTTP client that gives up on a silent server.
pub(super) fn agent(connect_timeout: Duration, stall_timeout: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(5)
        .timeout_resolve(Some(connect_timeout))
        .timeout_connect(Some(connect_timeout))
        .timeout_recv_response(Some(stall_timeout))
        .timeout_per_read(Some(stall_timeout))
        .user_agent(concat!("metabnn/", env!("CARGO_PKG_VERSION")))
        // The file as it is: what the client unzips on the way cannot be resumed.
        .accept_encoding("identity")
        .build()
        .into()
}

/// Downloads `url` into `file`, asking only for what comes after the bytes already there. The file may be
/// emptied when the server cannot continue it. It grows to at most `limit` bytes. `moved` hears how many
/// bytes are there and, when the server tells, how many there will be.
///
/// An `Ok` says that the server considers the file complete, not that it is the right one.
pub(super) fn download(
    agent: &Agent,
    url: &str,
    file: &mut File,
    limit: u64,
    moved: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Failure> {
    let held = file.seek(SeekFrom::End(0)).map_err(Failure::Disk)?;
    let mut request = agent.get(url);
    if held > 0 {
        request = request.header("Range", format!("bytes={held}-"));
    }
    if is_loopback(url) {
        // No proxy reaches this machine's own servers.
        request = request.config().proxy(None).build();
    }
    let response = request.call().map_err(|error| Failure::Server(error.to_string()))?;
    let (parts, body) = response.into_parts();
    let range = ContentRange::of(&parts.headers);
    let (start, total) = match parts.status {
        StatusCode::PARTIAL_CONTENT if range.start == Some(held) => (held, range.total),
        StatusCode::PARTIAL_CONTENT => {
            restart(file)?;
            let got = range.start.map_or("an unknown one".into(), |start| start.to_string());
            return Err(Failure::Server(format!(
                "asked to continue at byte {held}, the server began at {got}"
            )));
        }
        StatusCode::RANGE_NOT_SATISFIABLE if held > 0 && range.total == Some(held) => return Ok(()),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            restart(file)?;
            return Err(Failure::Server(format!("the server has no byte {held} to continue at")));
        }
        StatusCode::OK => {
            if held > 0 {
                restart(file)?;
            }
            (0, body.content_length())
        }
        status => return Err(Failure::Server(format!("HTTP status {status}"))),
    };
    if let Some(total) = total.filter(|&total| total > limit) {
        restart(file)?;
        return Err(Failure::Server(too_long(total, limit)));
    }
    copy(body.into_reader(), file, start, total, limit, moved)
}

/// Appends what `body` gives. What came before an interruption stays, to be continued.
fn copy(
    mut body: impl Read,
    file: &mut File,
    start: u64,
    total: Option<u64>,
    limit: u64,
    moved: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Failure> {
    let mut held = start;
    let mut buffer = vec![0; 1 << 16];
    moved(held, total);
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Server(format!("{error} ({})", progress(held, total)))),
        };
        held += count as u64;
        if held > limit {
            restart(file)?;
            return Err(Failure::Server(too_long(held, limit)));
        }
        file.write_all(&buffer[..count]).map_err(Failure::Disk)?;
        moved(held, total);
    }
    match total {
        Some(expected) if held != expected => {
            if held > expected {
                restart(file)?;
            }
            Err(Failure::Server(format!("the connection was closed ({})", progress(held, total))))
        }
        _ => Ok(()),
    }
}

fn restart(file: &mut File) -> Result<(), Failure> {
    file.set_len(0).and_then(|()| file.rewind()).map_err(Failure::Disk)
}

fn progress(held: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("after {held} of {total} bytes"),
        None => format!("after {held} bytes"),
    }
}

fn too_long(length: u64, limit: u64) -> String {
    format!("the server sends {length} bytes or more; the right file has at most {limit}")
}

fn is_loopback(url: &str) -> bool {
    let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    matches!(host.as_deref(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

/// What a server says about the part that it sends: `Content-Range: bytes 5-9/10`, `bytes */10`.
#[derive(Debug, Default, PartialEq, Eq)]
struct ContentRange {
    start: Option<u64>,
    total: Option<u64>,
}

impl ContentRange {
    fn of(headers: &HeaderMap) -> Self {
        let value = headers.get("content-range").and_then(|value| value.to_str().ok());
        value.and_then(Self::parse).unwrap_or_default()
    }

    fn parse(value: &str) -> Option<Self> {
        let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
        let start = range.split_once('-').and_then(|(start, _)| start.trim().parse().ok());
        Some(Self { start, total: total.trim().parse().ok() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        let range = |start, total| Some(ContentRange { start, total });
        assert_eq!(ContentRange::parse("bytes 5-9/10"), range(Some(5), Some(10)));
        assert_eq!(ContentRange::parse("bytes 5-9/*"), range(Some(5), None));
        assert_eq!(ContentRange::parse("bytes */10"), range(None, Some(10)));
        for nonsense in ["", "bytes", "bytes 5-9", "items 5-9/10"] {
            assert_eq!(ContentRange::parse(nonsense), None, "{nonsense:?}");
        }
        assert_eq!(ContentRange::parse("bytes -5-9/99999999999999999999999"), range(None, None));
    }

    /// This side's fault: no other mirror is asked.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_no_fault_of_the_server() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let failure = copy(&b"bytes"[..], &mut full, 0, Some(5), 10, &mut |_, _| ()).unwrap_err();
        let is_full = matches!(&failure, Failure::Disk(error) if error.kind() == io::ErrorKind::StorageFull);
        assert!(is_full, "{failure:?}");
    }

    #[test]
    fn only_this_machine_is_loopback() {
        assert!(is_loopback("http://127.0.0.1:8000/x") && is_loopback("http://localhost/x"));
        assert!(!is_loopback("http://127.0.0.1.example.org/x") && !is_loopback("not an address"));
    }
}
