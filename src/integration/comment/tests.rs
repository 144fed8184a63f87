//! Comments as tools write them, and as nobody should.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

const PARENT: &str = "00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01";

/// The tags as `key=value`, in their order.
fn tags(text: &str) -> Vec<String> {
    read(text).tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect()
}

#[test]
fn comments_of_the_usual_tools_are_read() {
    for (text, expected) in [
        // sqlcommenter for Django
        (
            "SELECT * from polls /*controller='index',db_driver='django.db.backends.postgresql',framework='django%3A2.2.3',route='%5Epolls/%24',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01',tracestate='congo%3Dt61rcWkgMzE%2Crojo%3D00f067aa0ba902b7'*/",
            vec![
                "controller=index",
                "db_driver=django.db.backends.postgresql",
                "framework=django:2.2.3",
                "route=^polls/$",
                "tracestate=congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
            ],
        ),
        // opentelemetry for psycopg2, before the semicolon
        (
            "select 1 /*db_driver='psycopg2%%3A2.9',dbapi_level='2.0'*/;",
            vec!["db_driver=psycopg2:2.9", "dbapi_level=2.0"],
        ),
        // marginalia
        (
            "/*application:Shop,controller:orders,action:create*/ INSERT INTO sale_order VALUES (1)",
            vec!["application=Shop", "controller=orders", "action=create"],
        ),
        // query logs of Rails, with a place that has a colon
        (
            "select 1 /*application='Shop',job='PushJob',line='app/x.rb:12'*/",
            vec!["application=Shop", "job=PushJob", "line=app/x.rb:12"],
        ),
        ("select /* job = push , n = 2 */ 1", vec!["job=push", "n=2"]),
        ("select 1 /*name='O\\'Neill'*/", vec!["name=O'Neill"]),
        // Hibernate, hints, notes: no tags
        ("/* insert com.example.Order */ insert into o values (1)", vec![]),
        ("/*+ IndexScan(a a_idx) set(work_mem='1') */ select 1", vec![]),
        ("select 1 /* why: because, really */", vec!["why=because"]),
        ("select 1 -- job:push", vec![]),
    ] {
        assert_eq!(tags(text), expected, "{text}");
    }
    assert!(read(&format!("select 1 /*traceparent='{PARENT}'*/")).trace.is_some());
    assert_eq!(read("select 1 /*traceparent='00-zz'*/"), Comment::default());
}

#[test]
fn a_literal_is_never_a_comment() {
    for text in [
        "insert into t values ('/*application=''bank''*/')",
        "insert into t values ('it''s /*application=bank*/')",
        "insert into t values (E'it\\'s /*application=bank*/')",
        "insert into t values ('doubt\\' /*application=bank*/')",
        "insert into t values ($$/*application=bank*/$$)",
        "insert into t values ($a$ $$ /*application=bank*/ $a$)",
        "select 1 as \"/*application=bank*/\"",
        "select 1 -- /*application=bank*/",
        "select 'never ends /*application=bank*/",
        "select 1 /* outer /*application=bank*/ */",
        // A name that ends in e is no mark of escapes: the first string ends at its second quote.
        "select date'\\', '/*application=bank*/'",
        "select x where a like'\\' or b = ' /*application=bank*/ '",
        // A number and a parameter are over where a string begins.
        "select 1$$/*application=bank*/$$",
        "select $1$a$/*application=bank*/$a$",
        "select E'a'\n'\\' /*application=bank*/ '",
        "select U&'\\' /*application=bank*/ '",
        "select \"a\"\"/*application=bank*/\"",
        "select $ä$/*application=bank*/$ä$",
        "select $$ never ends /*application=bank*/",
    ] {
        assert_eq!(read(text), Comment::default(), "{text}");
    }
    for text in [
        "select '' /*application=bank*/",
        "select $1, $2 /*application=bank*/",
        "select $1::text /*application=bank*/, $2",
        "select a$b, 'x''y' /*application=bank*/",
        "select E'\\\\' /*application=bank*/",
        "select 1 -- note\n /*application=bank*/",
        "select type'x' /*application=bank*/",
        "select e, ä$a$b, c$a$d /*application=bank*/",
        "select 1 + $ /*application=bank*/",
        "select n'x', B'1', X'1F', U&'d\\0061t' /*application=bank*/",
    ] {
        assert_eq!(tags(text), ["application=bank"], "{text}");
    }
}

#[test]
fn of_a_comment_that_was_cut_the_whole_pairs_count() {
    let whole = "select 1 /*job='push',route='%2Forders',application='shop'*/";
    let at = |part: &str| whole.find(part).unwrap();
    assert_eq!(tags(&whole[..at("op'*/")]), ["job=push", "route=/orders"]);
    assert_eq!(tags(&whole[..at("ders'")]), ["job=push"]);
    assert_eq!(tags("select 1 /*job:push,route:/ord"), ["job=push"]);
    assert_eq!(tags("select 1 /*"), [""; 0]);
    assert_eq!(tags("select 1 /*job='push'*"), ["job=push"]);
}

#[test]
fn several_comments_are_read_and_the_first_of_a_key_counts() {
    let text = "/*application='shop'*/ select 1 /*application='bank',job='x'*/ /*job='y'*/";
    assert_eq!(tags(text), ["application=shop", "job=x"]);
}

#[test]
fn what_is_kept_is_bounded_and_printable() {
    let many: Vec<String> = (0..99).map(|n| format!("k{n}='v'")).collect();
    assert_eq!(read(&format!("select 1 /*{}*/", many.join(","))).tags.len(), TAGS);
    let long = format!("select 1 /*a='{}',b='x%0A%FFy'*/", "z".repeat(500));
    let values: Vec<usize> = read(&long).tags.iter().map(|t| t.value.chars().count()).collect();
    assert_eq!(values, [VALUE, 4]);
    assert_eq!(read(&long).tags[1].value, "x\u{fffd}\u{fffd}y");
    assert_eq!(tags("select 1 /*bad key='1',ok='2'*/"), ["ok=2"]);
}

#[test]
fn a_traceparent_as_a_name_is_found() {
    assert!(of_application_name(PARENT).is_some());
    assert!(of_application_name(&format!("odoo {PARENT}")).is_some());
    assert!(of_application_name(&format!("shop-{PARENT}")).is_some());
    assert!(of_application_name("odoo-4711").is_none());
    assert!(of_application_name(&PARENT[..50]).is_none());
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "(\\PC|['\"$/*\\\\\n:=,-]){0,200}") {
        let _read = read(&text);
        let _name = of_application_name(&text);
    }

    #[test]
    fn what_sqlcommenter_writes_is_read_back(
        pairs in prop::collection::btree_map("[a-z_]{1,12}", "[ -~äß€]{0,60}", 1..8),
        literal in "[ -&(-~]{0,30}",
    ) {
        let written: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{key}='{}'", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        // A backslash before a quote is a doubt, in which nothing is read.
        let literal = literal.replace('\\', "/");
        let text = format!("select '{literal}' /*{}*/", written.join(","));
        let expected: Vec<String> = pairs
            .iter()
            .filter(|(key, _)| *key != "traceparent")
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        prop_assert_eq!(tags(&text), expected);
    }

    #[test]
    fn nothing_within_a_literal_is_read(value in "[ -&(-~]{0,40}") {
        let value = value.replace('\\', "/");
        let text = format!("select '{value} /*application=bank*/ {value}'");
        prop_assert_eq!(read(&text), Comment::default());
    }

    /// The text is made of whole tokens; only the last of them is a comment.
    #[test]
    fn whatever_stands_before_it_only_the_comment_is_read(
        tokens in prop::collection::vec(prop::sample::select(&[
            "'/*a=1*/'", "'it''s /*a=1*/'", "E'\\'/*a=1*/'", "e'\\\\'", "$$/*a=1*/$$", "$q$ ' $$ /*a=1*/ $q$",
            "\"/*a=1*/\"", "\"'\"", "-- ' /*a=1*/\n", "/* /* */ a=1 */", "/*+ a=1 */", "$1", "12", "1.5e-3",
            "a$b", "type", "ä", "*", "/", "-", ",", "(", "::", " ", "\n",
        ][..]), 0..12),
    ) {
        let text = format!("{} /*job='push'*/", tokens.join(" "));
        prop_assert_eq!(tags(&text), ["job=push"], "{}", text);
    }
}
