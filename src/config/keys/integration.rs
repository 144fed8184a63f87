//! Keys of the systems around the ERP and of the ways on which their calls are seen.

use super::{Section, Shape, Times, key, milliseconds, optional, required, seconds};
use crate::integration::Kind;

pub(in crate::config) const INTEGRATION: Section = Section {
    name: "integration",
    times: Times::Any,
    help: "An external system that calls the ERP or is called by it, see docs/integrations.md; repeat the whole table for each. Where two fit, the first has it.",
    keys: &[
        required("name", Shape::Text, "webshop", "The label `integration` everywhere."),
        key("kind", Shape::Choice(&Kind::ALL), "other", "What it is."),
        required(
            "direction",
            Shape::Choice(&["inbound", "outbound"]),
            "inbound",
            "inbound: it calls the ERP or works in its database; outbound: the ERP calls it.",
        ),
        key(
            "mode",
            Shape::Choice(&["realtime", "batch"]),
            "realtime",
            "Whether somebody waits for each call.",
        ),
        optional(
            "owns",
            Shape::List,
            "Modules, and patterns of tables, that it may write, such as [\"sales\", \"stock_move*\"]; a write to another is a boundary breach.",
        ),
        optional(
            "latency",
            milliseconds(1, 3_600_000),
            "Objective: a call longer than this is a slow one.",
        ),
        optional("success", Shape::Share, "Objective: the share of calls that should succeed."),
        optional(
            "silent_after",
            seconds(1, 31_622_400),
            "Without a call for so long it counts as silent.",
        ),
        optional(
            "application_names",
            Shape::List,
            "Patterns of application_name; a session must fit one of each of these three lists that is given.",
        ),
        optional("roles", Shape::List, "Patterns of roles."),
        optional(
            "clients",
            Shape::List,
            "Addresses and networks of clients, such as [\"10.1.0.0/16\"].",
        ),
        optional(
            "comments",
            Shape::List,
            "Keys of SQL comments with patterns of their values, such as [\"application=shop*\"]; one that fits decides before the lists above.",
        ),
        optional(
            "spans",
            Shape::List,
            "Attributes of spans or their resource with patterns of their values, such as [\"peer.service=stripe\", \"server.address=*.stripe.com\"].",
        ),
    ],
};

pub(in crate::config) const OTLP: Section = Section {
    name: "otlp",
    times: Times::Once,
    help: "Receiving spans, see docs/otlp.md; off without `http` and `grpc`.",
    keys: &[
        optional("http", Shape::Address, "OTLP over HTTP, such as 127.0.0.1:4318."),
        optional("grpc", Shape::Address, "OTLP over gRPC, such as 127.0.0.1:4317."),
        key(
            "max_body_bytes",
            Shape::Count { min: 1_024, max: 67_108_864 },
            "4194304",
            "Of a request, also when unpacked.",
        ),
        key(
            "max_waiting_bytes",
            Shape::Count { min: 1_048_576, max: 1_073_741_824 },
            "25165824",
            "Of all requests that are being read; who finds no room is asked to come again.",
        ),
        optional(
            "forward",
            Shape::Text,
            "URL of another receiver of OTLP over HTTP, to which all spans are passed on as they came.",
        ),
    ],
};

pub(in crate::config) const PROXY: Section = Section {
    name: "proxy",
    times: Times::Any,
    help: "A way through the reverse proxy, see docs/proxy.md; repeat the whole table for each.",
    keys: &[
        required(
            "integration",
            Shape::Text,
            "webshop",
            "Whose calls pass here; it must be declared.",
        ),
        required(
            "listen",
            Shape::Address,
            "127.0.0.1:8069",
            "Where they come in; several routes can share an address.",
        ),
        key("path", Shape::Text, "/", "Prefix of the paths of this route; it is cut off."),
        required(
            "upstream",
            Shape::Text,
            "http://127.0.0.1:8070/",
            "Where they go; what is behind the prefix is added to its path.",
        ),
        key(
            "host",
            Shape::Choice(&["auto", "keep", "upstream"]),
            "auto",
            "The header `host` that the upstream sees: the caller's or its own; auto keeps it for inbound integrations.",
        ),
        key(
            "upstream_http2",
            Shape::Choice(&["auto", "prior-knowledge"]),
            "auto",
            "auto: as TLS agrees on, else HTTP/1.1; prior-knowledge: HTTP/2 without TLS.",
        ),
        key(
            "first_byte_timeout",
            milliseconds(10, 3_600_000),
            "60s",
            "The answer must begin within it after the last part of the request was sent, else it is 504.",
        ),
        key(
            "idle_timeout",
            seconds(1, 86_400),
            "5m",
            "A body breaks off in which nothing came for so long.",
        ),
        key(
            "max_in_flight",
            Shape::Count { min: 1, max: 100_000 },
            "1000",
            "Calls at once; what is over it is answered with 503.",
        ),
    ],
};

pub(in crate::config) const PROBE: Section = Section {
    name: "probe",
    times: Times::Any,
    help: "A question to the other side of an integration, see docs/probes.md; repeat the whole table for each.",
    keys: &[
        required("name", Shape::Text, "bank-api", "The label `probe`."),
        required(
            "integration",
            Shape::Text,
            "webshop",
            "Whose other side it is; it must be declared.",
        ),
        required(
            "url",
            Shape::Text,
            "http://127.0.0.1:8070/health",
            "What is asked for; no redirect is followed.",
        ),
        key("interval", seconds(1, 86_400), "30s", "How often."),
        key(
            "timeout",
            milliseconds(10, 600_000),
            "5s",
            "For name, connection, TLS and answer together.",
        ),
        key("method", Shape::Choice(&["GET", "HEAD"]), "GET", "How."),
        key("expect", Shape::Text, "200-399", "Statuses of a good answer."),
        optional(
            "root_cert",
            Shape::Text,
            "PEM file of the authorities to trust; default the system's.",
        ),
    ],
};

pub(in crate::config) const RABBITMQ: Section = Section {
    name: "rabbitmq",
    times: Times::Any,
    help: "A RabbitMQ whose queues are watched through its management API, see docs/rabbitmq.md; repeat the whole table for each.",
    keys: &[
        required("name", Shape::Text, "orders", "The label `broker`."),
        required(
            "url",
            Shape::Text,
            "http://127.0.0.1:15672",
            "Where its management API is, without `/api`; no redirect is followed.",
        ),
        key("user", Shape::Text, "erpscope", "A user with the tag monitoring."),
        optional("password", Shape::Secret, "Its password; better in a file."),
        optional(
            "password_file",
            Shape::Text,
            "File with the password in its first line, read at each look.",
        ),
        optional("password_env", Shape::Text, "Environment variable that holds the password."),
        optional(
            "vhosts",
            Shape::List,
            "Virtual hosts, such as [\"/\", \"erp\"]; default all that the user may see.",
        ),
        optional(
            "modules",
            Shape::List,
            "Patterns of queues with the business module that each belongs to, such as [\"orders.*=sales\"]; the first that fits counts.",
        ),
        optional(
            "integrations",
            Shape::List,
            "The same with declared integrations, such as [\"shop.*=webshop\"].",
        ),
        key(
            "top",
            Shape::Count { min: 1, max: 1_000 },
            "50",
            "Queues that are shown singly, those of the two lists first; the rest is in `other`.",
        ),
        key("interval", seconds(1, 3_600), "30s", "How often it is asked."),
        key("timeout", milliseconds(10, 600_000), "10s", "For a look at all of its queues."),
        optional(
            "root_cert",
            Shape::Text,
            "PEM file of the authorities to trust; default the system's.",
        ),
    ],
};

pub(in crate::config) const FORWARD_PROXY: Section = Section {
    name: "forward_proxy",
    times: Times::Once,
    help: "A proxy for HTTPS_PROXY and HTTP_PROXY, see docs/proxy.md; off without `listen`.",
    keys: &[
        optional("listen", Shape::Address, "Where it listens, such as 127.0.0.1:3128."),
        optional("ports", Shape::List, "What may be connected to; default [\"80\", \"443\"]."),
        key("connect_timeout", milliseconds(10, 60_000), "10s", "For connecting to a host."),
    ],
};
