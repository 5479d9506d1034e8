//! Downloads from a real server on this machine, well behaved and not.

// Helpers of tests may fail the test.
#![allow(clippy::unwrap_used)]

#[path = "support/server.rs"]
mod server;
#[path = "support/small_set.rs"]
mod small_set;

use std::fs;
use std::io::Write;

use flate2::{Compression, GzBuilder};
use metabnn::data::{Dataset, Images, Samples};
use metabnn_data::fetch::{FetchOptions, Progress, fetch};
use metabnn_data::{DataError, Entry, Source};
use server::{Answer, Request, Server};
use small_set::{Run, TRAIN_IMAGES, content, entry, impatient, zipped};

/// Fetches the set from a server that answers the first requests as told and the others well.
fn fetch_from(mut first: Vec<Answer>) -> (Vec<Request>, Run) {
    first.push(Answer::Well);
    let server = Server::start(first, zipped);
    let mut run = Run::new();
    let entry = entry(&[&server]);
    run.fetch(&entry).unwrap();
    run.assert_complete(&entry);
    (server.finish(), run)
}

/// What the one failed file of a download has to say, attempt by attempt.
fn reasons(error: DataError) -> Vec<String> {
    let DataError::Download { set, file, attempts } = error else { panic!("{error}") };
    assert_eq!((set.as_str(), file.as_str()), ("small", TRAIN_IMAGES));
    attempts.into_iter().map(|attempt| attempt.reason).collect()
}

fn zipped_length() -> usize {
    zipped("/train-images.gz").unwrap().len()
}

#[test]
fn a_good_server_is_asked_once_a_file() {
    let (requests, run) = fetch_from(vec![]);
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/train-images.gz", "/train-labels.gz", "/test-images.gz", "/test-labels.gz"]);
    assert!(requests.iter().all(|request| request.start.is_none()));
    let length = zipped_length();
    let last = format!("Bytes {{ file: \"train-images\", done: {length}, total: Some({length}) }}");
    assert!(run.told.contains(&last), "{:#?}", run.told);
}

#[test]
fn what_is_there_and_right_is_not_fetched_again() {
    let server = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[&server]);
    let mut run = Run::new();
    let paths = run.fetch(&entry).unwrap();
    // Unzipped by hand: just as right.
    fs::write(run.path(TRAIN_IMAGES), content(TRAIN_IMAGES).unwrap()).unwrap();
    fs::remove_file(run.path("train-images.gz")).unwrap();
    fs::remove_file(run.path("test-labels.gz")).unwrap();
    let again = run.fetch(&entry).unwrap();
    assert_eq!(again[1..], paths[1..]);
    assert_eq!(again[0], run.path(TRAIN_IMAGES));
    run.fetch(&entry).unwrap();
    assert_eq!(server.finish().len(), 5, "four files and the one taken away");
    let present = run.told.iter().filter(|told| told.starts_with("Present")).count();
    assert_eq!(present, 3 + 4);
}

#[test]
fn a_cut_connection_is_continued_where_it_was_cut() {
    let (requests, _) = fetch_from(vec![Answer::Truncated(5_000)]);
    assert_eq!(requests[0], Request { path: "/train-images.gz".into(), start: None, sent: 5_000 });
    let rest = zipped_length() - 5_000;
    assert_eq!(requests[1], Request { path: "/train-images.gz".into(), start: Some(5_000), sent: rest });
}

#[test]
fn a_stalled_connection_is_given_up_and_continued() {
    let (requests, _) = fetch_from(vec![Answer::Stalled(6_000)]);
    let rest = zipped_length() - 6_000;
    assert_eq!((requests[1].start, requests[1].sent), (Some(6_000), rest));
}

#[test]
fn a_killed_download_is_continued_by_the_next_one() {
    let server = Server::start(vec![Answer::Truncated(7_000), Answer::Status(500)], zipped);
    let entry = entry(&[&server]);
    let mut run = Run::new();
    let reasons = reasons(run.fetch(&entry).unwrap_err());
    let length = zipped_length();
    assert_eq!(reasons.len(), 2);
    assert!(reasons[0].contains(&format!("after 7000 of {length} bytes")), "{reasons:?}");
    assert_eq!(reasons[1], "HTTP status 500 Internal Server Error");
    assert_eq!(run.names(), ["train-images.partial"]);
    drop(server);

    let server = Server::start(vec![Answer::Well], zipped);
    let entry = self::entry(&[&server]);
    run.fetch(&entry).unwrap();
    run.assert_complete(&entry);
    let requests = server.finish();
    assert_eq!((requests[0].start, requests[0].sent), (Some(7_000), length - 7_000));
}

#[test]
fn a_complete_partial_needs_no_byte_more() {
    let server = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[&server]);
    let mut run = Run::new();
    fs::create_dir_all(run.path("")).unwrap();
    fs::write(run.path("train-images.partial"), zipped("/train-images.gz").unwrap()).unwrap();
    run.fetch(&entry).unwrap();
    run.assert_complete(&entry);
    let first = &server.finish()[0];
    assert_eq!((first.start, first.sent), (Some(zipped_length()), 0));
}

#[test]
fn a_partial_longer_than_the_file_starts_over() {
    let server = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[&server]);
    let mut run = Run::new();
    fs::create_dir_all(run.path("")).unwrap();
    fs::write(run.path("train-images.partial"), vec![1; zipped_length() + 9]).unwrap();
    run.fetch(&entry).unwrap();
    run.assert_complete(&entry);
    let starts: Vec<_> = server.finish()[..2].iter().map(|request| request.start).collect();
    assert_eq!(starts, [Some(zipped_length() + 9), None]);
}

#[test]
fn a_partial_of_another_gzip_wrapper_starts_over() {
    let server = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[&server]);
    let mut run = Run::new();
    fs::create_dir_all(run.path("")).unwrap();
    let mut other = GzBuilder::new().filename(TRAIN_IMAGES).write(Vec::new(), Compression::default());
    other.write_all(&content(TRAIN_IMAGES).unwrap()).unwrap();
    let other = other.finish().unwrap();
    fs::write(run.path("train-images.partial"), &other[..4_000]).unwrap();
    run.fetch(&entry).unwrap();
    run.assert_complete(&entry);
    let requests = server.finish();
    assert_eq!((requests[0].start, requests[1].start), (Some(4_000), None));
    assert!(run.told.iter().any(|told| told.contains("wrong file: ")), "{:#?}", run.told);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (requests, _) = fetch_from(vec![Answer::Truncated(5_000), Answer::WithoutRange]);
    assert_eq!((requests[1].start, requests[1].sent), (Some(5_000), zipped_length()));
}

#[test]
fn a_part_that_begins_elsewhere_is_not_appended() {
    let (requests, run) = fetch_from(vec![Answer::Truncated(5_000), Answer::WrongStart]);
    assert_eq!(requests[2].start, None);
    let reason = "asked to continue at byte 5000, the server began at 5001";
    assert!(run.told.iter().any(|told| told.contains(reason)), "{:#?}", run.told);
}

#[test]
fn redirects_are_followed_and_may_be_continued() {
    let there = "/elsewhere/train-images.gz";
    let (requests, _) =
        fetch_from(vec![Answer::Redirect(there), Answer::Truncated(3_000), Answer::Redirect(there)]);
    let seen: Vec<_> = requests[..4].iter().map(|request| (request.path.as_str(), request.start)).collect();
    let here = "/train-images.gz";
    assert_eq!(seen, [(here, None), (there, None), (here, Some(3_000)), (there, Some(3_000))]);
}

#[test]
fn endless_redirects_end() {
    let server = Server::start(vec![Answer::Redirect("/a")], zipped);
    let reasons = reasons(Run::new().fetch(&entry(&[&server])).unwrap_err());
    assert_eq!(reasons, ["too many redirects"]);
    assert_eq!(server.finish().len(), 6, "the first request and five redirects");
}

#[test]
fn a_file_in_place_of_another_is_not_taken() {
    let server = Server::start(vec![Answer::Well], |_| zipped("/train-images.gz"));
    let mut run = Run::new();
    let error = run.fetch(&entry(&[&server])).unwrap_err().to_string();
    assert!(error.starts_with("could not download train-labels of data set `small`:\n  http://"), "{error}");
    assert!(error.ends_with("/train-labels.gz: wrong file: expected 48 unzipped bytes, got more"), "{error}");
    assert_eq!(run.names(), ["train-images.gz"]);
}

#[test]
fn mirrors_are_asked_in_turn_and_each_failure_is_told() {
    let answers = [
        Answer::Status(404),
        Answer::Status(503),
        Answer::Corrupt,
        Answer::Other(b"<html>Please log in</html>".to_vec()),
        Answer::Endless(200_000),
        Answer::Silent,
    ];
    let servers: Vec<_> = answers.into_iter().map(|answer| Server::start(vec![answer], zipped)).collect();
    let bad: Vec<_> = servers.iter().collect();
    let mut run = Run::new();
    let error = run.fetch(&entry(&bad)).unwrap_err();
    let message = error.to_string();
    let reasons = reasons(error);
    assert_eq!(reasons[..2], ["HTTP status 404 Not Found", "HTTP status 503 Service Unavailable"]);
    assert!(reasons[2].starts_with("wrong file: "), "{reasons:?}");
    assert_eq!(reasons[3], "wrong file: expected 16016 unzipped bytes, got 26");
    assert!(reasons[4].contains("the right file has at most 81712"), "{reasons:?}");
    assert!(reasons[5].contains("timeout"), "{reasons:?}");
    assert_eq!(reasons.len(), 6);
    assert!(servers.iter().all(|server| message.contains(&server.url())), "{message}");
    assert_eq!(run.names(), Vec::<String>::new(), "nothing half-written stays");

    let good = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[bad[0], bad[2], &good]);
    run.fetch(&entry).unwrap();
    run.assert_complete(&entry);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let gone = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[&gone]);
    drop(gone);
    let reasons = reasons(Run::new().fetch(&entry).unwrap_err());
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].to_lowercase().contains("refused"), "{reasons:?}");
}

#[test]
fn a_mirror_of_ones_own_comes_first() {
    let [own, public] = [(); 2].map(|()| Server::start(vec![Answer::Well], zipped));
    let options = FetchOptions { mirrors: vec![own.url() + "/"], ..impatient() };
    let data = tempfile::tempdir().unwrap();
    fetch(&entry(&[&public]), data.path(), &options, &mut |_| {}).unwrap();
    assert_eq!(own.finish()[0].path, "/small/train-images.gz");
    assert_eq!(public.finish(), []);
}

#[test]
fn a_set_without_mirrors_says_how_to_get_it() {
    let mut run = Run::new();
    let error = run.fetch(&entry(&[])).unwrap_err().to_string();
    let expected = format!(
        "data set `small` cannot be downloaded: It was made up. Place its files (train-images, \
         train-labels, test-images, test-labels) in {}, or name a server that has them \
         (METABNN_MIRROR, as URL/small/FILE.gz)",
        run.data.path().join("small").display()
    );
    assert_eq!(error, expected);
    assert!(!run.path("").exists());
}

#[test]
fn a_wrong_file_is_replaced_and_kept() {
    let server = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[&server]);
    let mut run = Run::new();
    fs::create_dir_all(run.path("")).unwrap();
    fs::write(run.path(TRAIN_IMAGES), "mine").unwrap();
    run.fetch(&entry).unwrap();
    assert_eq!(fs::read(run.path("train-images.replaced")).unwrap(), b"mine");
    fs::remove_file(run.path("train-images.replaced")).unwrap();
    run.assert_complete(&entry);
}

#[test]
fn a_file_served_unzipped_is_kept_plain() {
    let server =
        Server::start(vec![Answer::Well], |path| content(path.strip_prefix('/')?.strip_suffix(".gz")?));
    let entry = entry(&[&server]);
    let mut run = Run::new();
    let paths = run.fetch(&entry).unwrap();
    assert_eq!(paths[0], run.path(TRAIN_IMAGES));
    assert_eq!(entry.load(Some(run.data.path())).unwrap().test.len(), 10);
}

#[test]
fn two_fetches_at_once_share_one_download() {
    let server = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[&server]);
    let run = Run::new();
    std::thread::scope(|scope| {
        let fetches: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| fetch(&entry, run.data.path(), &impatient(), &mut |_| {})))
            .collect();
        for fetch in fetches {
            assert_eq!(fetch.join().unwrap().unwrap().len(), 4);
        }
    });
    run.assert_complete(&entry);
    assert_eq!(server.finish().len(), 4);
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let server = Server::start(vec![Answer::Well], zipped);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let error = fetch(&entry(&[&server]), &file, &impatient(), &mut |_| {}).unwrap_err();
    let DataError::File { path, .. } = error else { panic!("{error}") };
    assert_eq!(path, file.join("small"));
    assert_eq!(server.finish(), []);
}

/// Somebody's link in the place of the partial file: neither written through nor removed, and no mirror is asked.
#[cfg(unix)]
#[test]
fn a_partial_file_that_is_a_link_is_not_followed() {
    let server = Server::start(vec![Answer::Well], zipped);
    let mut run = Run::new();
    fs::create_dir_all(run.path("")).unwrap();
    fs::write(run.path("victim"), "precious").unwrap();
    std::os::unix::fs::symlink(run.path("victim"), run.path("train-images.partial")).unwrap();
    let error = run.fetch(&entry(&[&server, &server])).unwrap_err();
    let DataError::File { path, source } = &error else { panic!("{error}") };
    assert_eq!((path, source.kind()), (&run.path("train-images.partial"), std::io::ErrorKind::InvalidInput));
    assert_eq!(run.names(), ["train-images.partial", "victim"]);
    assert_eq!(fs::read(run.path("victim")).unwrap(), b"precious");
    assert_eq!(server.finish(), []);
}

#[test]
fn progress_can_be_told_apart() {
    let server = Server::start(vec![Answer::Well], zipped);
    let data = tempfile::tempdir().unwrap();
    let (mut bytes, mut done) = (0, Vec::new());
    fetch(&entry(&[&server]), data.path(), &impatient(), &mut |progress| match progress {
        Progress::Bytes { done, total, .. } => {
            assert!(done <= total.unwrap());
            bytes = done;
        }
        Progress::Done { file, path } => done.push((file.to_owned(), path.to_owned())),
        _ => {}
    })
    .unwrap();
    assert_eq!(bytes, zipped("/test-labels.gz").unwrap().len() as u64);
    assert_eq!(done.len(), 4);
    assert!(done.iter().all(|(_, path)| path.exists()));
}

#[test]
fn another_process_s_download_is_waited_for() {
    let server = Server::start(vec![Answer::Well], zipped);
    let entry = entry(&[&server]);
    let run = Run::new();
    fs::create_dir_all(run.path("")).unwrap();
    let other = fs::File::create(run.path(".lock")).unwrap();
    other.lock().unwrap();
    let mut waited_for = Vec::new();
    fetch(&entry, run.data.path(), &impatient(), &mut |progress| {
        if let Progress::Waiting { folder } = progress {
            assert_eq!(server.requests(), []);
            waited_for.push(folder.to_owned());
            other.unlock().unwrap();
        }
    })
    .unwrap();
    assert_eq!(waited_for, [run.data.path().join("small")]);
    run.assert_complete(&entry);
}

#[test]
fn a_drawn_set_needs_no_files() {
    let set = Entry {
        source: Source::Drawn(|| {
            let images = Samples::from(Images::new(1, 1, 1, vec![7], vec![0]).unwrap());
            Dataset { name: "drawn".into(), train: images.clone(), test: images }
        }),
        ..entry(&[])
    };
    let mut run = Run::new();
    assert_eq!(run.fetch(&set).unwrap(), Vec::<std::path::PathBuf>::new());
    assert_eq!(set.verify(Some(run.data.path())).unwrap(), []);
    assert_eq!(set.load(None).unwrap().train.images().unwrap().image(0), [7]);
    assert!(!run.path("").exists());
}
