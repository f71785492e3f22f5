//! nginx's buffers towards its back ends and clients, and the arithmetic with which it checks them.
//!
//! Each size is inherited by itself: `fastcgi_buffers` of `http` and `fastcgi_buffer_size` of a
//! location are put together. Tried with nginx 1.22; the same from 1.18 to 1.31.

use super::limits::{effective, shown_size};
use super::{Nginx, Origin, Setting};
use crate::nginx::ast::Key;
use crate::nginx::levels::{Config, Context, LevelId};
use crate::nginx::literals;
use crate::source::{Sources, Span};

/// Modules with these buffers, as their directives begin.
pub const PREFIXES: [&str; 4] = ["fastcgi", "proxy", "uwsgi", "scgi"];

/// The directives of a module: the header's buffer, all buffers, the busy ones, what is written at once, and the file.
pub fn directives(prefix: &str) -> Option<&'static [(Key, &'static str); 5]> {
    macro_rules! of {
        ($prefix:literal) => {{
            const NAMES: [&str; 5] = [
                concat!($prefix, "_buffer_size"),
                concat!($prefix, "_buffers"),
                concat!($prefix, "_busy_buffers_size"),
                concat!($prefix, "_temp_file_write_size"),
                concat!($prefix, "_max_temp_file_size"),
            ];
            const KEYED: [(Key, &str); 5] = [
                (Key::of(NAMES[0]), NAMES[0]),
                (Key::of(NAMES[1]), NAMES[1]),
                (Key::of(NAMES[2]), NAMES[2]),
                (Key::of(NAMES[3]), NAMES[3]),
                (Key::of(NAMES[4]), NAMES[4]),
            ];
            &KEYED
        }};
    }
    Some(match prefix {
        "fastcgi" => of!("fastcgi"),
        "proxy" => of!("proxy"),
        "uwsgi" => of!("uwsgi"),
        "scgi" => of!("scgi"),
        "grpc" => of!("grpc"),
        "memcached" => of!("memcached"),
        _ => return None,
    })
}

/// Bytes of a memory page where no fact says otherwise.
pub const PAGE: u64 = 4096;

/// A number of buffers and the size of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Several {
    /// How many.
    pub count: u64,
    /// Bytes of one.
    pub size: u64,
}

impl Several {
    /// All of them.
    pub fn total(self) -> u64 {
        self.count.saturating_mul(self.size)
    }
}

/// The buffers in force at a level. Where `busy`, `write` and `file` come from their defaults, these
/// are computed from the others, as nginx does.
#[derive(Clone, Copy, Debug)]
pub struct Buffers {
    /// `*_buffer_size`: it holds the header of the answer.
    pub header: Setting<u64>,
    /// `*_buffers`.
    pub body: Setting<Several>,
    /// `*_busy_buffers_size`.
    pub busy: Setting<u64>,
    /// `*_temp_file_write_size`.
    pub write: Setting<u64>,
    /// `*_max_temp_file_size`.
    pub file: Setting<u64>,
}

/// What nginx refuses about a level's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Fewer than two buffers.
    TooFew,
    /// The busy size is below the largest single buffer.
    BusyBelow,
    /// The busy size leaves no buffer free.
    BusyAbove,
    /// The write size is below the largest single buffer.
    WriteBelow,
    /// The temporary file is smaller than the largest single buffer.
    FileBelow,
}

/// One of the settings that nginx compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `*_buffer_size`.
    Header,
    /// `*_buffers`.
    Body,
    /// `*_busy_buffers_size`.
    Busy,
    /// `*_temp_file_write_size`.
    Write,
    /// `*_max_temp_file_size`.
    File,
}

impl Buffers {
    /// The buffers of a module in force at a level; `None` where a value is one that nginx refuses.
    pub fn at(config: &Config, level: LevelId, prefix: &str, page: u64) -> Option<Self> {
        let place = config.level(level).opener.as_ref()?.head;
        let [header, body, busy, write, file] = directives(prefix)?.map(|(_, name)| name);
        let bytes =
            |name: &str, default: u64| effective(config, level, name, literals::size, Setting::default(default, place));
        let header = bytes(header, page)?;
        let body = match config.effective(level, body) {
            Some(directive) => Setting::written(several(directive.arg(0)?, directive.arg(1)?)?, directive.head),
            None => Setting::default(Several { count: 8, size: page }, place),
        };
        let twice = 2 * header.value.max(body.value.size);
        let (busy, write) = (bytes(busy, twice)?, bytes(write, twice)?);
        let file = bytes(file, 1 << 30)?;
        Some(Buffers { header, body, busy, write, file })
    }

    /// The largest single buffer.
    pub fn largest(&self) -> u64 {
        self.header.value.max(self.body.value.size)
    }

    /// What one answer may occupy.
    pub fn total(&self) -> u64 {
        self.header.value.saturating_add(self.body.value.total())
    }

    /// A setting as a line would say it, and where it comes from.
    pub fn line(&self, part: Part, prefix: &str) -> (Origin, String) {
        let (setting, name) = match part {
            Part::Body => {
                let Several { count, size } = self.body.value;
                return (self.body.origin, format!("{prefix}_buffers {count} {}", shown_size(size)));
            }
            Part::Header => (self.header, "buffer_size"),
            Part::Busy => (self.busy, "busy_buffers_size"),
            Part::Write => (self.write, "temp_file_write_size"),
            Part::File => (self.file, "max_temp_file_size"),
        };
        (setting.origin, format!("{prefix}_{name} {}", shown_size(setting.value)))
    }

    /// Whether the header's buffer is larger than one of the others.
    pub fn is_header_larger(&self) -> bool {
        self.header.value > self.body.value.size
    }

    /// What nginx refuses first.
    pub fn conflict(&self) -> Option<Conflict> {
        let Several { count, size } = self.body.value;
        let largest = self.largest();
        match () {
            () if count < 2 => Some(Conflict::TooFew),
            () if self.busy.value < largest => Some(Conflict::BusyBelow),
            () if self.busy.value > (count - 1).saturating_mul(size) => Some(Conflict::BusyAbove),
            () if self.write.value < largest => Some(Conflict::WriteBelow),
            () if self.file.value != 0 && self.file.value < largest => Some(Conflict::FileBelow),
            () => None,
        }
    }
}

fn several(count: &str, size: &str) -> Option<Several> {
    let several = Several { count: literals::number(count)?, size: literals::size(size)? };
    (several.count > 0 && several.size > 0).then_some(several)
}

/// `large_client_header_buffers` in force at a server.
pub fn client_headers(nginx: &Nginx, level: LevelId) -> Option<Setting<Several>> {
    let directive = nginx.config.effective(level, "large_client_header_buffers")?;
    Some(Setting::written(several(directive.arg(0)?, directive.arg(1)?)?, directive.head))
}

/// What nginx says of buffers that [`client_conflict`] finds.
pub const CLIENT_CONFLICT: &str =
    "the \"large_client_header_buffers\" size must be equal to or greater than \"connection_pool_size\"";

/// The header buffers of a server and its `connection_pool_size` in bytes, where nginx refuses these together.
pub fn client_conflict(nginx: &Nginx, server: LevelId) -> Option<(Setting<Several>, Setting<u64>)> {
    let headers = client_headers(nginx, server)?;
    let opener = nginx.config.level(server).opener.as_ref()?.head;
    let default = Setting::default(512, opener);
    let pool = effective(&nginx.config, server, "connection_pool_size", literals::size, default)?;
    (headers.value.size < pool.value).then_some((headers, pool))
}

impl Conflict {
    /// The settings that contradict each other, the decisive one first.
    pub fn parts(self, buffers: &Buffers) -> &'static [Part] {
        match self {
            Conflict::TooFew => &[Part::Body],
            Conflict::BusyAbove if buffers.busy.is_written() => &[Part::Busy, Part::Body],
            Conflict::BusyAbove if buffers.is_header_larger() => &[Part::Header, Part::Body, Part::Busy],
            Conflict::BusyAbove => &[Part::Body, Part::Header, Part::Busy],
            Conflict::BusyBelow => &[Part::Busy, Part::Header, Part::Body],
            Conflict::WriteBelow => &[Part::Write, Part::Header, Part::Body],
            Conflict::FileBelow => &[Part::File, Part::Header, Part::Body],
        }
    }

    /// nginx's words, with the module's prefix in them.
    pub fn message(self, prefix: &str) -> String {
        let least = format!(
            "must be equal to or greater than the maximum of the value of \"{prefix}_buffer_size\" and one of the \"{prefix}_buffers\""
        );
        match self {
            Conflict::TooFew => format!("there must be at least 2 \"{prefix}_buffers\""),
            Conflict::BusyBelow => format!("\"{prefix}_busy_buffers_size\" {least}"),
            Conflict::BusyAbove => format!(
                "\"{prefix}_busy_buffers_size\" must be less than the size of all \"{prefix}_buffers\" minus one buffer"
            ),
            Conflict::WriteBelow => format!("\"{prefix}_temp_file_write_size\" {least}"),
            Conflict::FileBelow => format!(
                "\"{prefix}_max_temp_file_size\" must be equal to zero to disable temporary files usage or {least}"
            ),
        }
    }
}

impl Nginx {
    /// The levels whose buffers nginx checks, each with the level that its values come from. These are servers, and
    /// what is in them. A level that sets none of `names` has the values of the one around it, so only servers and
    /// levels that set some are told; and only where somebody sets one at all.
    pub fn levels_setting<'a>(&'a self, names: &'a [(Key, &str)]) -> impl Iterator<Item = (LevelId, LevelId)> + 'a {
        let sets = |level: &LevelId| self.config.last_of(*level, names).is_some();
        let levels = self.config.levels(Context::Server).chain(self.config.levels(Context::Location).filter(sets));
        let levels = Some(levels).filter(|_| self.config.may_have_any(names)).into_iter().flatten();
        levels.filter_map(move |level| Some((level, self.config.outwards(level).find(sets)?)))
    }

    /// What nginx says of the settings of `http`, with the place that it blames.
    pub fn refusal_of_http(&self, message: &str, sources: &Sources) -> String {
        let Some(end) = self.end_of_http() else { return message.to_owned() };
        let place = sources.place(end);
        // nginx names files as they lie in its own root.
        let inside = place.strip_prefix(&sources.prefix).unwrap_or(&place);
        format!("{message} in /{}", inside.trim_start_matches('/'))
    }

    /// The closing brace of `http`: nginx compares there what its parts inherit, and blames that line.
    pub fn end_of_http(&self) -> Option<Span> {
        let http = self.config.levels(Context::Http).next()?;
        let block = self.config.level(http).opener.as_ref()?.span();
        Some(Span { start: block.end.saturating_sub(1), ..block })
    }
}
