//! How large the body of a request may be: where nginx refuses it, where PHP drops it, and which of these limits
//! contradict each other.
//!
//! Tried with nginx 1.22 and PHP-FPM 8.2.

use super::{Master, Pool, Setting};
use crate::php::ini_settings::LEAST_MEMORY;
use crate::php::layers::Ini;

/// How large a body a pool's scripts take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sizes {
    /// `post_max_size`; 0 is no limit.
    pub post: Setting<u64>,
    /// `upload_max_filesize`; 0 is no limit.
    pub upload: Setting<u64>,
    /// `memory_limit`; 0 is no limit.
    pub memory: Setting<u64>,
}

/// The sizes of PHP when nobody says, and of every php.ini that PHP ships.
pub const STOCK_SIZES: [(&str, u64); 3] =
    [("post_max_size", 8 << 20), ("upload_max_filesize", 2 << 20), ("memory_limit", 128 << 20)];

impl Sizes {
    /// Whether somebody chose a size: php.ini as shipped says the same as PHP itself.
    fn is_chosen(size: &Setting<u64>, stock: u64) -> bool {
        size.is_written() && size.value != stock
    }
}

impl Master {
    /// How large a body a pool's scripts take; `None` where a value depends on the environment. `user` is
    /// the `.user.ini` of the document root.
    pub(super) fn sizes(&self, pool: &Pool, user: Option<&Ini>) -> Option<Sizes> {
        let [post, upload, memory] = STOCK_SIZES.map(|(name, stock)| {
            let found = self.ini_size(pool, user, name, stock as i64)?;
            let value = match name {
                "memory_limit" if (0..LEAST_MEMORY).contains(&found.value) => stock,
                _ => u64::try_from(found.value).unwrap_or(0),
            };
            Some(Setting { value, origin: found.origin })
        });
        Some(Sizes { post: post?, upload: upload?, memory: memory? })
    }
}

/// The limits that the body of a request meets on its way from nginx to a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BodyLimits {
    /// `client_max_body_size` in bytes; 0 is no limit.
    pub nginx: Setting<u64>,
    /// The limits of PHP.
    pub php: Sizes,
}

/// Two limits for a body that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// nginx refuses what this setting of php.ini was chosen to take.
    NginxRefuses(&'static str, Setting<u64>),
    /// PHP drops without an error what nginx lets through.
    PhpDrops,
    /// A file may be larger than the form it comes in.
    UploadAbovePost,
    /// A form of so many bytes, which nginx and PHP take, does not fit into the memory of a script.
    FormAboveMemory(u64),
}

/// A limit, where 0 is none.
fn or_endless(size: u64) -> u64 {
    if size == 0 { u64::MAX } else { size }
}

impl BodyLimits {
    /// Every limit with its name, in the order in which a body meets them.
    pub fn named(&self) -> [(&'static str, Setting<u64>); 4] {
        let Sizes { post, upload, memory } = self.php;
        let [(post_name, _), (upload_name, _), (memory_name, _)] = STOCK_SIZES;
        [("client_max_body_size", self.nginx), (post_name, post), (upload_name, upload), (memory_name, memory)]
    }

    /// What contradicts what; `form_memory` is the size in bytes from which on the memory of a script is taken to be
    /// enough for every form.
    pub fn contradictions(&self, form_memory: u64) -> impl Iterator<Item = Contradiction> {
        let of_form = self.form_above_memory(form_memory).map(Contradiction::FormAboveMemory);
        let refused = self.refused().map(|(name, wanted)| Contradiction::NginxRefuses(name, wanted));
        let dropped = self.php_drops().then_some(Contradiction::PhpDrops);
        let upload = self.upload_above_post().then_some(Contradiction::UploadAbovePost);
        [refused, dropped, upload, of_form].into_iter().flatten()
    }

    /// Whether nginx refuses every body that PHP drops.
    pub fn nginx_refuses_first(&self) -> bool {
        or_endless(self.nginx.value) <= self.php.post.value
    }

    /// What was chosen of post and upload, with its name: the largest that somebody wants to take and nginx refuses.
    fn refused(&self) -> Option<(&'static str, Setting<u64>)> {
        let [(post, stock_post), (upload, stock_upload), _] = STOCK_SIZES;
        let sizes = [(upload, self.php.upload, stock_upload), (post, self.php.post, stock_post)];
        let chosen = sizes.into_iter().filter(|(_, size, stock)| Sizes::is_chosen(size, *stock));
        // What is above the post limit never comes through.
        let capped = chosen.filter(|(_, size, _)| size.value > 0 && size.value <= or_endless(self.php.post.value));
        // A form around a file makes a post a little larger than the file: nginx's own limit decides there.
        let capped = capped.filter(|(name, ..)| *name == upload || !self.nginx.is_written());
        let wanted = capped.map(|(name, size, _)| (name, size)).max_by_key(|(_, size)| size.value);
        wanted.filter(|(_, size)| size.value > or_endless(self.nginx.value))
    }

    fn php_drops(&self) -> bool {
        let post_is_chosen = Sizes::is_chosen(&self.php.post, STOCK_SIZES[0].1);
        // A file that was to be let through says more: the limit of the form was forgotten.
        if self.upload_above_post() && !post_is_chosen {
            return false;
        }
        let chosen = self.nginx.is_written() || post_is_chosen;
        chosen && or_endless(self.nginx.value) > or_endless(self.php.post.value)
    }

    fn upload_above_post(&self) -> bool {
        let Sizes { post, upload, .. } = self.php;
        Sizes::is_chosen(&upload, STOCK_SIZES[1].1) && upload.value > or_endless(post.value)
    }

    /// The largest form that is taken and does not fit into memory.
    fn form_above_memory(&self, form_memory: u64) -> Option<u64> {
        let Sizes { post, memory, .. } = self.php;
        let form = or_endless(post.value).min(or_endless(self.nginx.value));
        let chosen = Sizes::is_chosen(&memory, STOCK_SIZES[2].1) || Sizes::is_chosen(&post, STOCK_SIZES[0].1);
        // Large limits are for files, which PHP writes to disk; forms are smaller.
        (chosen && memory.value > 0 && memory.value < form_memory && form > memory.value).then_some(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::limits::STOCK_CPU;
    use crate::php::readers;

    #[test]
    fn stock_values_are_those_of_the_table() {
        let of_table = |name: &str| {
            let row = crate::php::ini_settings::find(name);
            row.and_then(|row| readers::size(row.default).value())
        };
        for (name, stock) in STOCK_SIZES.into_iter().chain([("max_execution_time", STOCK_CPU)]) {
            assert_eq!(of_table(name), i64::try_from(stock).ok(), "{name}");
        }
    }
}
