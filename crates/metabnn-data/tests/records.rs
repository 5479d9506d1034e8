//! Files of binary records, the format of CIFAR-10 and CIFAR-100, written here and read back; and what is said of
//! those that are not right.

// Helpers of tests may fail the test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use metabnn::data::Shape;
use metabnn_data::fetch::{FetchOptions, fetch};
use metabnn_data::{DataError, FileState, Source, find, load, verify};
use tempfile::TempDir;

const PIXELS: usize = 3 * 32 * 32;

/// Pixel `pixel` of image `image` of file `file`.
fn pixel(file: usize, image: usize, pixel: usize) -> u8 {
    (31 * file + 7 * image + pixel / 1024 * 50 + pixel % 1024 / 9) as u8
}

/// `images` records of file number `file`, with what `before` says of each before its pixels.
fn records(file: usize, images: usize, before: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let image = |image: usize| (0..PIXELS).map(move |i| pixel(file, image, i));
    (0..images).flat_map(|index| before(index).into_iter().chain(image(index)).collect::<Vec<_>>()).collect()
}

const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// Five files of two training images, one of three test images; labels count on.
fn cifar_10(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (file, name) in FILES.iter().enumerate() {
        let images = if file == 5 { 3 } else { 2 };
        fs::write(folder.join(name), records(file, images, |image| vec![(2 * file + image) as u8 % 10]))
            .unwrap();
    }
}

fn place() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("cifar-10");
    (place, folder)
}

fn error(place: &Path) -> String {
    load("cifar-10", Some(place)).unwrap_err().to_string()
}

#[test]
fn the_files_are_read_in_order_from_the_folder_or_the_one_unpacked_in_it() {
    for inside in ["", "cifar-10-batches-bin"] {
        let (place, folder) = place();
        cifar_10(&folder.join(inside));
        let set = load("cifar-10", Some(place.path())).unwrap();
        assert_eq!((set.train.len(), set.test.len(), set.train.classes()), (10, 3, 10));
        assert_eq!(set.train.shape(), Shape { channels: 3, rows: 32, columns: 32 });
        let (train, test) = (set.train.images().unwrap(), set.test.images().unwrap());
        for index in 0..10 {
            assert_eq!(usize::from(train.label(index)), index);
            let expected: Vec<u8> = (0..PIXELS).map(|i| pixel(index / 2, index % 2, i)).collect();
            assert_eq!(train.image(index), expected);
        }
        assert_eq!((test.label(2), test.image(2)[1024]), (2, pixel(5, 2, 1024)));
    }
}

#[test]
fn a_zipped_file_will_do() {
    let (place, folder) = place();
    cifar_10(&folder);
    let whole = load("cifar-10", Some(place.path())).unwrap();
    let path = folder.join(FILES[1]);
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(&fs::read(&path).unwrap()).unwrap();
    fs::write(folder.join("data_batch_2.bin.gz"), zipped.finish().unwrap()).unwrap();
    fs::remove_file(path).unwrap();
    assert_eq!(load("cifar-10", Some(place.path())).unwrap().train, whole.train);
}

#[test]
fn of_two_labels_the_fine_one_counts() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("cifar-100/cifar-100-binary");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("train.bin"), records(0, 3, |image| vec![19, 97 + image as u8])).unwrap();
    fs::write(folder.join("test.bin"), records(1, 2, |image| vec![0, image as u8])).unwrap();
    let set = load("cifar-100", Some(place.path())).unwrap();
    let train = set.train.images().unwrap();
    assert_eq!((train.labels(), train.classes()), (&[97, 98, 99][..], 100));
    assert_eq!(train.image(1)[0], pixel(0, 1, 0));
    // A CIFAR-10 file under this name has no whole number of records; a wrong label is told with its place.
    fs::write(folder.join("test.bin"), records(1, 2, |image| vec![20 * image as u8, 0])).unwrap();
    let error = load("cifar-100", Some(place.path())).unwrap_err().to_string();
    let path = folder.join("test.bin");
    assert_eq!(
        error,
        format!("{}: coarse label at byte 3074: expected a class from 0 to 19, got 20", path.display())
    );
}

#[test]
fn a_file_that_is_cut_short_or_of_another_format_is_told_with_its_offset() {
    let (place, folder) = place();
    cifar_10(&folder);
    let path = folder.join("data_batch_3.bin");
    let whole = fs::read(&path).unwrap();
    for (bytes, offset, got) in [
        (&whole[..whole.len() - 1], 3073, 3072),
        (&whole[..100], 0, 100),
        (&[&whole[..], &[0, 0]].concat(), 2 * 3073, 2),
        (&[], 0, 0),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(
            error(place.path()),
            format!(
                "{}: record at byte {offset}: expected 3073 bytes (label, 3072 pixels), \
                 got {got} bytes (the file is cut short, or not of this format)",
                path.display()
            )
        );
    }
    let mut wrong = whole.clone();
    wrong[3073] = 10;
    fs::write(&path, wrong).unwrap();
    assert_eq!(
        error(place.path()),
        format!("{}: label at byte 3073: expected a class from 0 to 9, got 10", path.display())
    );
    fs::remove_file(&path).unwrap();
    assert!(error(place.path()).starts_with("found neither "), "{}", error(place.path()));
}

#[test]
fn a_zipped_file_far_larger_than_the_published_one_is_told() {
    let (place, folder) = place();
    cifar_10(&folder);
    let mut set = find("cifar-10").unwrap();
    // Sixteen records may be there.
    let Source::Records(published) = &mut set.source else { panic!("no records") };
    published.train.iter_mut().for_each(|file| file.bytes = 3073);
    let path = folder.join(FILES[0]);
    for (images, fits) in [(16, true), (17, false), (10_000, false)] {
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zipped.write_all(&vec![0; images * 3073]).unwrap();
        fs::write(&path, zipped.finish().unwrap()).unwrap();
        match set.load(Some(place.path())) {
            Ok(set) => assert!(fits && set.train.len() == images + 8),
            Err(error) => {
                let expected = "surplus at byte 49168: expected the end of the file after at most 49168 bytes of records, \
                                got more bytes";
                assert_eq!(error.to_string(), format!("{}: {expected}", path.display()));
                assert!(!fits);
            }
        }
    }
}

#[test]
fn a_set_that_is_not_here_says_where_to_get_it_and_where_to_put_it() {
    let (place, folder) = place();
    let says = error(place.path());
    let inner = folder.join("cifar-10-batches-bin");
    let start = format!(
        "data set `cifar-10` is not here: looked in {}, {}; it has to be placed there by hand: unpack the archive \
         cifar-10-binary.tar.gz (MD5 c32a1d4ab5d03f1284b67883e8d87530)",
        folder.display(),
        inner.display()
    );
    assert!(says.starts_with(&start) && says.contains("data_batch_5.bin, test_batch.bin (or "), "{says}");
    let mut nothing = |_: metabnn_data::fetch::Progress<'_>| ();
    let entry = find("cifar-10").unwrap();
    let fetched = fetch(&entry, place.path(), &FetchOptions::default(), &mut nothing).unwrap_err();
    assert!(matches!(fetched, DataError::ByHand { .. }));
}

#[test]
fn sizes_are_verified_where_there_is_no_checksum() {
    let (place, folder) = place();
    cifar_10(&folder);
    let reports = verify("cifar-10", Some(place.path())).unwrap();
    assert_eq!(reports.len(), 6);
    assert_eq!(reports[5].path, folder.join("test_batch.bin"));
    assert_eq!(reports[5].state, FileState::Size { expected: 30_730_000, got: 3 * 3073 });
    fs::remove_file(folder.join("test_batch.bin")).unwrap();
    // As long as the published file, without taking its room on the disk.
    fs::File::create(folder.join(FILES[0])).unwrap().set_len(30_730_000).unwrap();
    let states: Vec<_> =
        verify("cifar-10", Some(place.path())).unwrap().into_iter().map(|file| file.state).collect();
    assert_eq!((&states[0], &states[5]), (&FileState::NoChecksum, &FileState::Missing));
}
