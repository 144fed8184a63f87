//! From sources to a [`Config`], or to every fault at once.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::erp::Profiles;
use crate::integration::Integrations;

use super::fault::{ConfigErrors, Fault};
use super::keys::{
    ACTIVITY, ADVISOR, APPLICATION, DATABASE, DUPLICATES, FINDING, FORWARD_PROXY, GENERAL, HISTORY,
    INTEGRATION, LOCKS, LOG, MUTE, OTLP, PROBE, PROXY, RABBITMQ, RULES, SECTIONS, SERVER,
    STATEMENTS, Section, TRANSACTIONS, UPKEEP, USAGE, sections,
};
use super::reader::{Faults, File, Table, declares, nearest};
use super::{
    Config, Finding, ProxyRoute, Server, advisor, application, duplicates, finding, history,
    integration, log, otlp, probe, profiles, proxy, rabbitmq, sampling, server,
};

/// Variables with our prefix that are not keys: the path of the config file, and for tests and
/// the demo the folder of PostgreSQL's programs.
const OTHER_VARIABLES: [&str; 2] = ["ERPSCOPE_CONFIG", "ERPSCOPE_PG_BIN"];

/// Where a config comes from. The environment is given, so that nothing here depends on the process.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The config file, if there is one.
    pub file: Option<PathBuf>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// What flags say; they outrank everything.
    pub flags: Flags,
}

/// Values from the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--log-level`
    pub log_level: Option<String>,
    /// `--url`: the one server.
    pub url: Option<String>,
}

/// A valid config and what is odd about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// Not wrong, but worth a look.
    pub warnings: Vec<Fault>,
}

/// Reads and checks everything.
///
/// # Errors
/// Every fault there is, not only the first.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let mut faults = Faults::default();
    let text = match &sources.file {
        Some(path) => read(path, &mut faults),
        None => String::new(),
    };
    let name = sources.file.as_deref().map_or_else(String::new, |path| path.display().to_string());
    let file = File { name, text: &text };
    let (root, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let place = file.place(error.span().map_or(0, |span| span.start));
        faults.add(place, "", format!("not TOML: {}", error.message().trim().replace('\n', ", ")));
    }
    let loading = Loading { sources, file: &file, root: root.get_ref() };
    let mut warnings = Faults::default();
    let config = loading.config(&mut faults, &mut warnings);
    loading.warn_of_unknown_variables(&mut warnings);
    match config {
        Some(config) if faults.0.is_empty() => {
            let servers = config.servers.iter().map(|s| (s.name.as_str(), &s.password));
            let brokers = config.brokers.iter().map(|b| (&*b.name, &b.password));
            for (name, password) in servers.chain(brokers) {
                server::warn(name, password, &file, &mut warnings);
            }
            Ok(Loaded { config, warnings: warnings.0 })
        }
        _ => Err(ConfigErrors(faults.0)),
    }
}

impl Config {
    /// The defaults, for these servers.
    ///
    /// # Errors
    /// When a default is none, which a test rules out.
    pub fn of(servers: Vec<Server>) -> Result<Self, ConfigErrors> {
        let url = Some("postgres://localhost".to_owned());
        let sources = Sources { flags: Flags { url, ..Flags::default() }, ..Sources::default() };
        Ok(Self { servers, ..load(&sources)?.config })
    }
}

fn read(path: &Path, faults: &mut Faults) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| {
        faults.add(path.display().to_string(), "", format!("cannot be read: {error}"));
        String::new()
    })
}

struct Loading<'a> {
    sources: &'a Sources,
    file: &'a File<'a>,
    root: &'a DeTable<'a>,
}

impl Loading<'_> {
    fn config(&self, faults: &mut Faults, warnings: &mut Faults) -> Option<Config> {
        let flags = &self.sources.flags;
        let general =
            self.table(&GENERAL, flags.listen.as_ref().map(|f| ("listen", f, "--listen")), faults);
        let log =
            self.table(&LOG, flags.log_level.as_ref().map(|f| ("level", f, "--log-level")), faults);
        let statements = self.table(&STATEMENTS, None, faults);
        let database = self.table(&DATABASE, None, faults);
        let activity = self.table(&ACTIVITY, None, faults);
        let locks = self.table(&LOCKS, None, faults);
        let transactions = self.table(&TRANSACTIONS, None, faults);
        let usage = sampling::usage(&self.table(&USAGE, None, faults), faults);
        let upkeep = sampling::upkeep(&self.table(&UPKEEP, None, faults), faults);
        let duplicates = duplicates::read(&self.table(&DUPLICATES, None, faults), faults);
        let history = history::read(&self.table(&HISTORY, None, faults), faults);
        let advisor = advisor::read(&self.table(&ADVISOR, None, faults), faults);
        let profiles = profiles::read(&general, faults);
        let mut applications = self.repeated(&APPLICATION, faults);
        if let Some(profiles) = &profiles {
            application::warn(&applications, profiles, warnings);
        }
        let applications = read_each(&mut applications, faults, application::read, |a| &a.name);
        let integrations = self.integrations(faults, warnings);
        let proxies = integrations.as_ref().and_then(|all| self.proxies(all, faults));
        let finding = self.finding(faults);
        let forward = self.table(&FORWARD_PROXY, None, faults);
        let mut probes = self.repeated(&PROBE, faults);
        let probes = integrations.as_ref().and_then(|all| {
            read_each(&mut probes, faults, |t, f| probe::read(t, all, f), |probe| &probe.name)
        });
        let mut brokers = self.repeated(&RABBITMQ, faults);
        let brokers = integrations.as_ref().and_then(|all| {
            read_each(&mut brokers, faults, |t, f| rabbitmq::read(t, all, f), |broker| &broker.name)
        });
        let otlp = otlp::read(&self.table(&OTLP, None, faults), faults);
        let forward_proxy = proxy::read_forward(&forward, faults);
        let servers = self.servers(profiles.as_ref(), faults);
        // Each is read, whatever the others say, so that no fault hides another.
        let listen = general.address("listen", faults);
        let budget = general.share("budget", faults);
        let log = log::read(&log, faults);
        let statements = sampling::statements(&statements, faults);
        let database = sampling::database(&database, faults);
        let activity = sampling::activity(&activity, faults);
        let locks = sampling::locks(&locks, faults);
        let transactions = sampling::transactions(&transactions, faults);
        Some(Config {
            listen: listen?,
            log: log?,
            budget: budget?,
            statements: statements?,
            database: database?,
            activity: activity?,
            usage: usage?,
            upkeep: upkeep?,
            duplicates: duplicates?,
            history: history?,
            advisor: advisor?,
            locks: locks?,
            transactions: transactions?,
            profiles: profiles?,
            applications: applications?,
            integrations: integrations?,
            otlp: otlp?,
            proxies: proxies?,
            forward_proxy,
            probes: probes?,
            brokers: brokers?,
            finding: finding?,
            servers: servers?,
        })
    }

    /// `[finding]` with the tables of its rules, and what is muted.
    fn finding(&self, faults: &mut Faults) -> Option<Finding> {
        let general = finding::read(&self.table(&FINDING, None, faults), faults);
        let read = |section: &&'static Section, faults: &mut Faults| {
            finding::rule(section, &self.table(section, None, faults), faults)
        };
        let rules: Vec<_> = RULES.iter().map(|section| read(section, faults)).collect();
        let tables = self.repeated(&MUTE, faults);
        let mutes: Vec<_> = tables.iter().map(|table| finding::mute(table, faults)).collect();
        let (rules, mutes) =
            (rules.into_iter().collect::<Option<_>>(), mutes.into_iter().collect::<Option<_>>());
        Some(Finding { rules: rules?, mutes: mutes?, ..general? })
    }

    /// What stands under the name of a table; behind a dot, in another table.
    fn find(&self, name: &str) -> Option<&toml::Spanned<DeValue<'_>>> {
        let Some((outer, inner)) = name.split_once('.') else { return self.root.get(name) };
        match self.root.get(outer)?.get_ref() {
            DeValue::Table(outer) => outer.get(inner),
            _ => None,
        }
    }

    fn integrations(&self, faults: &mut Faults, warnings: &mut Faults) -> Option<Integrations> {
        let mut tables = self.repeated(&INTEGRATION, faults);
        let all = read_each(&mut tables, faults, integration::read, |i| &i.name)?;
        let integrations = Integrations::new(all);
        integration::check(&integrations, &tables, faults, warnings);
        Some(integrations)
    }

    fn proxies(&self, all: &Integrations, faults: &mut Faults) -> Option<Vec<ProxyRoute>> {
        let tables = self.repeated(&PROXY, faults);
        let routes: Vec<_> = tables.iter().map(|t| proxy::read(t, all, faults)).collect();
        proxy::check(&routes, &tables, faults);
        routes.into_iter().collect()
    }

    /// A table with what file, environment and a flag give for it.
    fn table(
        &self,
        section: &'static Section,
        flag: Option<(&'static str, &String, &str)>,
        faults: &mut Faults,
    ) -> Table {
        let mut table = Table::new(section, section.name, &self.file.name);
        let tables: Vec<&str> = if section.name.is_empty() {
            SECTIONS.iter().map(|s| s.name).filter(|name| !name.is_empty()).collect()
        } else {
            RULES.iter().filter_map(|rule| inner(rule.name, section.name)).collect()
        };
        if section.name.is_empty() {
            table.take(self.root, self.file, &tables, faults);
        } else if let Some(value) = self.find(section.name) {
            match value.get_ref() {
                DeValue::Table(found) => table.take(found, self.file, &tables, faults),
                _ => faults.add(
                    self.file.place(value.span().start),
                    section.name,
                    format!("write it as a table: [{}]", section.name),
                ),
            }
        }
        self.take_variables(&mut table, section);
        if let Some((name, text, place)) = flag {
            table.set(name, text, place);
        }
        table
    }

    fn take_variables(&self, table: &mut Table, section: &'static Section) {
        for key in section.keys {
            let Some(variable) = section.variable(key.name) else { continue };
            // An empty variable is how compose files and units say that it is not set.
            if let Some(text) = self.sources.env.get(&variable).filter(|text| !text.is_empty()) {
                table.set(key.name, text, &variable);
            }
        }
    }

    fn servers(&self, profiles: Option<&Profiles>, faults: &mut Faults) -> Option<Vec<Server>> {
        let mut tables = self.repeated(&SERVER, faults);
        self.override_the_one_server(&mut tables, faults);
        if tables.is_empty() {
            faults.add(
                if self.file.name.is_empty() { "the config" } else { &self.file.name },
                "server",
                "no server to watch: add a [[server]] table, or set ERPSCOPE_SERVER_URL, or give --url",
            );
            return None;
        }
        if let Some(profiles) = profiles {
            profiles::check_choices(&tables, profiles, faults);
        }
        let read =
            |table: &mut Table, faults: &mut Faults| server::read(table, &self.sources.env, faults);
        read_each(&mut tables, faults, read, |server| &server.name)
    }

    /// The tables of a section that may stand several times, such as `[[server]]`.
    fn repeated(&self, section: &'static Section, faults: &mut Faults) -> Vec<Table> {
        let Some(value) = self.root.get(section.name) else {
            return Vec::new();
        };
        let each = format!("write each {} as its own table: {}", section.name, section.header());
        let DeValue::Array(list) = value.get_ref() else {
            faults.add(self.file.place(value.span().start), section.name, each);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let place = self.file.place(value.span().start);
            let path = format!("{}[{index}]", section.name);
            match value.get_ref() {
                DeValue::Table(found) => {
                    let mut table = Table::new(section, &path, &place);
                    table.take(found, self.file, &[], faults);
                    tables.push(table);
                }
                _ => faults.add(place, path, &each),
            }
        }
        tables
    }

    /// `--url` and `ERPSCOPE_SERVER_*` make the one server, or change the only one in the file.
    fn override_the_one_server(&self, tables: &mut Vec<Table>, faults: &mut Faults) {
        let variables: Vec<String> =
            SERVER.keys.iter().filter_map(|key| SERVER.variable(key.name)).collect();
        let place = match (
            &self.sources.flags.url,
            variables.iter().find(|v| self.sources.env.contains_key(*v)),
        ) {
            (Some(_), _) => "--url".to_owned(),
            (None, Some(variable)) => variable.clone(),
            (None, None) => return,
        };
        if tables.len() > 1 {
            faults.add(place, "server", "the config file has several servers, so it is not clear which one this is for; put it into the file");
            return;
        }
        if tables.is_empty() {
            tables.push(Table::new(&SERVER, "server", &place));
        }
        for table in tables {
            self.take_variables(table, &SERVER);
            if let Some(url) = &self.sources.flags.url {
                table.set("url", url, "--url");
            }
        }
    }

    fn warn_of_unknown_variables(&self, warnings: &mut Faults) {
        let known: Vec<String> =
            sections().flat_map(|s| s.keys.iter().filter_map(|k| s.variable(k.name))).collect();
        for name in self.sources.env.keys().filter(|name| name.starts_with("ERPSCOPE_")) {
            let declared = sections().any(|section| declares(section, name).is_some());
            if declared || OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            let problem = match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("this variable means nothing; did you mean {near}?"),
                None => "this variable means nothing".to_owned(),
            };
            warnings.add(name, "", problem);
        }
    }
}

/// The name of a table in another, such as `hot_rows` for `finding.hot_rows` in `finding`.
fn inner(name: &'static str, outer: &str) -> Option<&'static str> {
    name.strip_prefix(outer)?.strip_prefix('.')
}

/// Reads every table of a list; no two may have the same name.
fn read_each<T>(
    tables: &mut [Table],
    faults: &mut Faults,
    read: impl Fn(&mut Table, &mut Faults) -> Option<T>,
    name: impl Fn(&T) -> &str,
) -> Option<Vec<T>> {
    let all: Vec<Option<T>> = tables.iter_mut().map(|table| read(table, faults)).collect();
    let mut names = HashSet::new();
    for (table, one) in tables.iter().zip(&all) {
        if let Some(one) = one
            && !names.insert(name(one))
        {
            let problem = format!(
                "{:?} is the name of another {}, too: give each its own",
                name(one),
                table.section()
            );
            faults.add(&table.place, table.key("name"), problem);
        }
    }
    all.into_iter().collect()
}
