//! `postgres://user:password@host:port/dbname?sslmode=...`, as libpq reads it.
//!
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>. A message
//! never repeats any part of a URL: any part can be a password in the wrong place.

use percent_encoding::percent_decode_str;

const PARAMETERS: [&str; 6] =
    ["host", "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout"];

/// The parts that a URL gives, under the names of our keys.
pub(super) fn parse(url: &str) -> Result<Vec<(&'static str, String)>, String> {
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or("must begin with postgres:// or postgresql://")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, dbname) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (host, port) = split_port(address)?;
    let mut parts = Vec::new();
    let all = [
        ("user", user),
        ("password", password),
        ("host", host),
        ("port", port),
        ("dbname", dbname),
    ];
    for (name, raw) in all.into_iter().filter(|(_, raw)| !raw.is_empty()) {
        parts.push((name, decode(name, raw)?));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        parts.push(parameter(pair)?);
    }
    Ok(parts)
}

fn split_port(address: &str) -> Result<(&str, &str), String> {
    if address.contains(',') {
        return Err(
            "names several hosts: write a [[server]] for each, since each has its own statistics"
                .to_owned(),
        );
    }
    if let Some(rest) = address.strip_prefix('[') {
        let (host, port) =
            rest.split_once(']').ok_or("has an IPv6 address without its closing bracket")?;
        return Ok((host, port.strip_prefix(':').unwrap_or(port)));
    }
    Ok(address.rsplit_once(':').unwrap_or((address, "")))
}

fn parameter(pair: &str) -> Result<(&'static str, String), String> {
    let known = || format!("has a parameter that is not one of {}", PARAMETERS.join(", "));
    let (name, raw) = pair.split_once('=').ok_or_else(known)?;
    let name = PARAMETERS.into_iter().find(|parameter| *parameter == name).ok_or_else(known)?;
    let value = decode(name, raw)?;
    // libpq's connect_timeout is in seconds, without a unit.
    let seconds = name == "connect_timeout" && value.bytes().all(|b| b.is_ascii_digit());
    Ok((name, if seconds { format!("{value}s") } else { value }))
}

fn decode(name: &str, raw: &str) -> Result<String, String> {
    percent_decode_str(raw)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| format!("its {name} is not UTF-8 after percent-decoding"))
}
