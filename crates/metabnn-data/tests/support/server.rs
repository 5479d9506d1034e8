//! A small HTTP server on this machine that misbehaves as told.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// As it should be; Range requests get the rest.
    Well,
    /// As if Range did not exist.
    WithoutRange,
    /// The status alone.
    Status(u16),
    /// So many bytes of the body, then the connection is closed.
    Truncated(usize),
    /// So many bytes of the body, then nothing, the connection left open.
    Stalled(usize),
    /// Nothing at all, not even a header, the connection left open.
    Silent,
    /// The whole body, its middle byte changed.
    Corrupt,
    /// A body other than the file, Range ignored.
    Other(Vec<u8>),
    /// The file with so many bytes behind it, the length not announced.
    Endless(usize),
    /// To a Range request: a part that begins somewhere else.
    WrongStart,
    /// To another path of this server.
    Redirect(&'static str),
}

/// One request as it came, and what was sent for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    /// First byte asked for.
    pub start: Option<usize>,
    /// Bytes of the body sent.
    pub sent: usize,
}

/// Serves one body at every path, until dropped. Requests are answered one at a time.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `answers` go to the requests in turn; the last one to all that follow. `body` maps a path to what
    /// is there.
    pub fn start(answers: Vec<Answer>, body: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopped) = (requests.clone(), stop.clone());
        let thread = thread::spawn(move || {
            // Connections kept open without a word until the server ends.
            let mut silent = Vec::new();
            for (index, stream) in listener.incoming().enumerate() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let answer = &answers[index.min(answers.len() - 1)];
                // A client that hangs up is one of the things under test.
                let Ok(mut stream) = stream else { continue };
                seen.lock().unwrap().extend(answer_one(&mut stream, answer, &body));
                if matches!(answer, Answer::Stalled(_) | Answer::Silent) {
                    silent.push(stream);
                }
            }
        });
        Self { address, requests, stop, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests answered so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Ends the server and returns every request that it answered.
    pub fn finish(mut self) -> Vec<Request> {
        self.end();
        self.requests()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread up if it waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn answer_one(
    stream: &mut TcpStream,
    answer: &Answer,
    body: &impl Fn(&str) -> Option<Vec<u8>>,
) -> Option<Request> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let (path, start) = read_request(stream)?;
    let (mut content, mut status) = match body(&path) {
        Some(content) => (content, "200 OK".to_owned()),
        None => (Vec::new(), "404 Not Found".to_owned()),
    };
    let whole = content.len();
    let mut headers = String::new();
    let mut announce = true;
    let with_range =
        matches!(answer, Answer::Well | Answer::Truncated(_) | Answer::Stalled(_) | Answer::WrongStart);
    if let Some(start) = start.filter(|_| with_range) {
        let start = if matches!(answer, Answer::WrongStart) { start + 1 } else { start };
        if start < whole {
            status = "206 Partial Content".into();
            headers = format!("Content-Range: bytes {start}-{}/{whole}\r\n", whole - 1);
            content.drain(..start);
        } else {
            status = "416 Range Not Satisfiable".into();
            headers = format!("Content-Range: bytes */{whole}\r\n");
            content.clear();
        }
    }
    let mut to_send = usize::MAX;
    match answer {
        Answer::Status(code) => (status, content) = (format!("{code} Told So"), Vec::new()),
        Answer::Truncated(count) | Answer::Stalled(count) => to_send = *count,
        Answer::Corrupt => content[whole / 2] ^= 0xff,
        Answer::Other(other) => content.clone_from(other),
        Answer::Endless(count) => {
            content.resize(whole + count, 0);
            announce = false;
        }
        Answer::Redirect(to) => {
            status = "302 Found".into();
            headers = format!("Location: {to}\r\n");
            content.clear();
        }
        Answer::Silent => return Some(Request { path, start, sent: 0 }),
        _ => {}
    }
    if announce {
        headers += &format!("Content-Length: {}\r\n", content.len());
    }
    let sent = content.len().min(to_send);
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").ok()?;
    // A client may hang up before all is sent: the request counts all the same.
    let _ = stream.write_all(&content[..sent]).and_then(|()| stream.flush());
    Some(Request { path, start, sent })
}

fn read_request(stream: &TcpStream) -> Option<(String, Option<usize>)> {
    let mut lines = BufReader::new(stream).lines().take(100);
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut start = None;
    for line in lines {
        let line = line.ok()?.to_lowercase();
        if line.is_empty() {
            return Some((path, start));
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.strip_suffix('-').and_then(|start| start.parse().ok());
        }
    }
    None
}
