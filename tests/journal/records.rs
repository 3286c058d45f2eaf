//! Records in a payload, and values in a record.

use earmark::LocationId;
use earmark::journal::codec::{self, CodecError};
use earmark::journal::record::{self, RawRecord, RecordError};

fn plain(payload: &mut Vec<u8>, tag: u8, body: &[u8]) {
    record::push(payload, tag, 1, |out| {
        out.extend_from_slice(body);
        Ok::<(), ()>(())
    })
    .unwrap();
}

#[test]
fn records_come_back_as_they_were_pushed() {
    let bodies: Vec<Vec<u8>> =
        [0, 1, 125, 126, 300, 16_381, 16_382, 70_000].iter().map(|bytes| vec![7; *bytes]).collect();
    let mut payload = Vec::new();
    for (tag, body) in bodies.iter().enumerate() {
        plain(&mut payload, tag as u8, body);
    }
    let read: Vec<RawRecord<'_>> = record::records(&payload).map(Result::unwrap).collect();
    assert_eq!(read.len(), bodies.len());
    for (tag, (record, body)) in read.iter().zip(&bodies).enumerate() {
        assert_eq!((record.tag, record.version, record.body), (tag as u8, 1, body.as_slice()));
    }
}

#[test]
fn a_body_that_cannot_be_written_leaves_the_payload_as_it_was() {
    let mut payload = vec![2, 9, 9];
    let failed = record::push(&mut payload, 1, 1, |out| {
        out.push(1);
        Err("no")
    });
    assert_eq!((failed, payload), (Err("no"), vec![2, 9, 9]));
}

#[test]
fn a_payload_that_is_no_row_of_records_ends_with_one_error() {
    let cases: [(&[u8], RecordError); 6] = [
        (&[3, 1, 1], RecordError::CutOff { offset: 0 }),
        (&[2, 1, 1, 0x80], RecordError::Length { offset: 3 }),
        (&[1, 1], RecordError::Length { offset: 0 }),
        (&[0], RecordError::Length { offset: 0 }),
        (&[0x82, 0x00, 1, 1], RecordError::Length { offset: 0 }),
        (&[0xff, 0xff, 0xff, 0xff, 0x0f], RecordError::Length { offset: 0 }),
    ];
    for (payload, expected) in cases {
        let errors: Vec<RecordError> = record::records(payload).filter_map(Result::err).collect();
        assert_eq!(errors, vec![expected], "{payload:?}");
    }
}

#[test]
fn a_value_comes_back_and_trailing_or_hostile_bytes_are_errors() {
    let value = (7_u64, "SKU-1".to_owned(), vec![1_u32, 2, 3]);
    let mut bytes = Vec::new();
    codec::encode_into(&mut bytes, &value).unwrap();
    assert_eq!(codec::decode::<(u64, String, Vec<u32>)>(&bytes), Ok(value));
    bytes.push(0);
    assert_eq!(codec::decode::<(u64, String, Vec<u32>)>(&bytes), Err(CodecError::Trailing { left: 1 }));
    let hostile = [0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(matches!(codec::decode::<Vec<u64>>(&hostile), Err(CodecError::Decode { .. })));
    assert!(matches!(codec::decode::<String>(&hostile), Err(CodecError::Decode { .. })));
}

#[test]
fn the_default_location_is_called_main_and_takes_one_byte() {
    let bytes = |location: &LocationId| {
        let mut bytes = Vec::new();
        codec::encode_into(&mut bytes, location).unwrap();
        bytes
    };
    let berlin = LocationId::new("berlin").unwrap();
    assert_eq!(LocationId::new("main").unwrap(), LocationId::MAIN);
    assert_eq!(LocationId::default().to_string(), "main");
    assert!(LocationId::MAIN < LocationId::new("a").unwrap());
    assert_eq!((bytes(&LocationId::MAIN).len(), bytes(&berlin).len()), (1, 7));
    for location in [LocationId::MAIN, berlin] {
        assert_eq!(codec::decode::<LocationId>(&bytes(&location)), Ok(location.clone()));
        let json = serde_json::to_string(&location).unwrap();
        assert_eq!(json, format!("\"{location}\""));
        assert_eq!(serde_json::from_str::<LocationId>(&json).unwrap(), location);
    }
    assert!(LocationId::new("").is_err());
    assert!(serde_json::from_str::<LocationId>("\"\"").is_err());
}
