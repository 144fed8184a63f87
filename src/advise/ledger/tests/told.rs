//! What is remembered, and what people read.

use super::*;

#[test]
fn a_line_is_remembered_as_it_was() {
    let mut book = Book::applied();
    let of = both(hours(-10..0, 100, 0.040), hours(2..9, 100, 0.010));
    book.fold(NOON + 10 * HOUR, &made(), None, Some(&past(&[(42, of)], &[], 9)));
    let line = book.line("create-1");
    let row = line.to_row().unwrap();
    assert_eq!((row.state.as_str(), row.applied_at), ("measured", Some(NOON + HOUR)));
    assert_eq!(&Line::from_row(&row).unwrap(), line);
    let ledger = Ledger::of(vec![Line::from_row(&row).unwrap()]);
    let mut again = Book { ledger, is_complete: true };
    assert_eq!(again.fold(NOON + 11 * HOUR, &made(), None, None), vec![]);
}

#[test]
fn people_read_what_was_suggested_done_and_brought() {
    let mut book = Book::applied();
    let of = both(hours(-10..0, 100, 0.040), hours(2..9, 100, 0.010));
    book.fold(NOON + 10 * HOUR, &made(), None, Some(&past(&[(42, of)], &[], 9)));
    let lines: Vec<Line> = book.ledger.lines().cloned().collect();
    let told = table(&lines);
    for word in
        ["create-1", "measured", "1000 -> 700", "40.0 -> 10.1", "100x", "shop/public.sale_line"]
    {
        assert!(told.contains(word), "{word}\n{told}");
    }
    let told = markdown(&lines);
    assert!(
        told.contains("```sql\ncreate index concurrently") && told.contains("1000 calls"),
        "{told}"
    );
}

#[test]
fn why_how_sure_and_what_comes_first_is_remembered_and_told() {
    let drop = suggestion("drop-1", "drop", "drop index concurrently public.short");
    let after = Some("create-1".to_owned());
    let drop = Suggestion { reason: "covered", confidence: Confidence::Medium, after, ..drop };
    let mut book = Book::new();
    let short = || index("short", vec![column("order_id"), column("a")]);
    book.fold(NOON, &catalog(vec![short()]), Some(&[drop]), None);
    let line = book.line("drop-1").clone();
    let row = line.to_row().unwrap();
    assert_eq!(Line::from_row(&row).unwrap(), line);
    let json: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
    let told = (&json["cause"], &json["confidence"], &json["after"]);
    assert_eq!(told, (&"covered".into(), &"medium".into(), &"create-1".into()));
    let told = table(std::slice::from_ref(&line));
    for word in ["why", "covered", "confidence", "medium", "not before create-1 is carried out"] {
        assert!(told.contains(word), "{word}\n{told}");
    }
    let told = markdown(&[line]);
    assert!(
        told.contains("- suggested 2027-01-15T08:00:00Z, why: covered, confidence: medium"),
        "{told}"
    );
    assert!(told.contains("- not before create-1 is carried out"), "{told}");
}

#[test]
fn a_line_of_before_that_was_kept_is_read_and_has_it_once_it_is_suggested_again() {
    let mut book = Book::new();
    book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
    let mut row = book.line("create-1").to_row().unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
    for key in ["cause", "confidence", "after"] {
        json.as_object_mut().unwrap().remove(key);
    }
    row.payload = json.to_string();
    let line = Line::from_row(&row).unwrap();
    assert_eq!((&line.cause, line.confidence, &line.after), (&None, None, &None));
    assert!(
        table(std::slice::from_ref(&line)).contains("create   -          -          suggested")
    );
    let mut book = Book { ledger: Ledger::of(vec![line]), is_complete: true };
    book.fold(NOON + HOUR, &catalog(vec![]), Some(&[create()]), None);
    let line = book.line("create-1");
    assert_eq!(
        (line.cause.as_deref(), line.confidence),
        (Some("workload"), Some(Confidence::High))
    );
}
