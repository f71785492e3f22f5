//! The ini settings that a pool's scripts start with: php.ini, the files of `conf.d` over it, then
//! the pool's `php_value` and `php_admin_value`.
//!
//! In ini files the last value of a name counts, among a pool's entries the first; `php_admin_value`
//! beats `php_value` wherever they stand. The `.user.ini` of a document root stands between the two, as
//! far as PHP lets it change a setting. Verified with PHP-FPM 8.2. What scripts and
//! `fastcgi_param PHP_VALUE` change at run time is not seen here, nor `.user.ini` further down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ast::{Item, Problem, Setting, Value};
use super::ini::parse_ini;
use super::ini_settings::{self, Access};
use super::load::{Assigned, PoolSettings};
use crate::host::{Host, Opened};
use crate::source::{Sources, Span};

/// The settings of php.ini and the files of `conf.d`.
#[derive(Debug, Default)]
pub struct Ini {
    values: BTreeMap<String, IniValue>,
    /// Every setting with a value, in the order of the files.
    pub settings: Vec<IniSetting>,
    /// Where a file breaks the grammar: PHP reads it up to there only.
    pub problems: Vec<Problem>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IniValue {
    /// The text; `None` where it depends on the environment.
    pub text: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// A setting of an ini file, whether or not it is in force.
#[derive(Clone, Debug)]
pub struct IniSetting {
    /// The name as written.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// The value.
    pub value: IniValue,
    /// Whether it holds for some requests only: it stands below `[PATH=…]` or `[HOST=…]`.
    pub for_some: bool,
}

impl Ini {
    /// Reads php.ini files in order, then every `*.ini` of the scan directory in bytewise order.
    /// Files that are not there are no mistake: PHP does without them.
    pub fn load(host: &dyn Host, sources: &mut Sources, inis: &[PathBuf], scan: &Path) -> Self {
        let mut ini = Ini::default();
        let scanned = host.list(scan).into_iter().map(|name| scan.join(name));
        let scanned = scanned.filter(|path| path.extension().is_some_and(|ending| ending == "ini"));
        for path in inis.iter().cloned().chain(scanned) {
            let Ok(opened) = host.open(&path) else { continue };
            ini.read_file(host, sources, path, opened);
        }
        ini
    }

    fn read(&mut self, items: &[Item]) {
        // Sections mean nothing, but for [PATH=…] and [HOST=…], which hold for some requests only.
        let mut for_all = true;
        for item in items {
            match item {
                Item::Section(section) => {
                    let name = section.name.text().unwrap_or_default();
                    for_all = !name.starts_with("PATH=") && !name.starts_with("HOST=");
                }
                Item::Setting(setting) if setting.index.is_none() => self.set(setting, for_all),
                Item::Setting(_) => {}
            }
        }
    }

    fn set(&mut self, setting: &Setting, for_all: bool) {
        let Some(value) = &setting.value else { return };
        let value = IniValue { text: Value::text(value), span: value.span };
        if for_all {
            self.values.insert(setting.key.clone(), value.clone());
        }
        let (name, name_span) = (setting.key.clone(), setting.key_span);
        self.settings.push(IniSetting { name, name_span, value, for_some: !for_all });
    }

    /// The settings of PHP that a pool brings: `php_value[…]` and its like.
    pub fn entries(pool: &PoolSettings) -> impl Iterator<Item = (&str, &Assigned)> {
        let keys = ["php_admin_value", "php_admin_flag", "php_value", "php_flag"];
        let entries = pool.assigned.iter().filter(move |assigned| keys.contains(&assigned.key.as_str()));
        entries.filter_map(|assigned| Some((assigned.index.as_deref()?, assigned)))
    }

    /// The value of php.ini and `conf.d`, which the master itself starts with.
    pub fn get(&self, name: &str) -> Option<&IniValue> {
        self.values.get(name)
    }

    /// The value that a pool's scripts start with, or `None` for PHP's own default.
    pub fn of_pool(&self, pool: &PoolSettings, name: &str) -> Option<IniValue> {
        self.of_request(pool, None, name)
    }

    /// The same for scripts below a document root with a `.user.ini`.
    pub fn of_request(&self, pool: &PoolSettings, user: Option<&Ini>, name: &str) -> Option<IniValue> {
        let entry = |keys: [&str; 2]| {
            let found = pool
                .assigned
                .iter()
                .find(|assigned| keys.contains(&assigned.key.as_str()) && assigned.index.as_deref() == Some(name));
            found.map(|found| IniValue { text: found.text.clone(), span: found.value_span })
        };
        let may_change = ini_settings::find(name).is_some_and(|row| row.access != Access::System);
        entry(["php_admin_value", "php_admin_flag"])
            .or_else(|| user.filter(|_| may_change)?.values.get(name).cloned())
            .or_else(|| entry(["php_value", "php_flag"]))
            .or_else(|| self.values.get(name).cloned())
    }

    /// Reads the `.user.ini` of a document root, if there is one.
    pub fn load_user(host: &dyn Host, sources: &mut Sources, root: &Path, name: &str) -> Option<Self> {
        let path = root.join(name);
        let opened = host.open(&path).ok()?;
        let mut ini = Ini::default();
        ini.read_file(host, sources, path, opened);
        Some(ini)
    }

    fn read_file(&mut self, host: &dyn Host, sources: &mut Sources, path: PathBuf, opened: Opened) {
        let (shown, real) = opened.names(host, &path);
        let file = sources.add(shown, real, opened.bytes);
        let document = parse_ini(file, sources.get(file).bytes());
        self.read(&document.items);
        self.problems.extend(document.problems);
        self.files.push(path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;
    use crate::php::load::load;

    #[test]
    fn stronger_layers_win() {
        let mut host = Memory::default();
        host.add("/p/php.ini", "[PHP]\na=1\nb=1\nc=1\nd=1\n[PATH=/x]\na=9\n");
        host.add("/p/conf.d/20.ini", "b=3\n");
        host.add("/p/conf.d/10.ini", "b=2\nc=2\n");
        host.add("/p/conf.d/readme.txt", "a=8\n");
        let pool = "[www]\nphp_value[c]=4\nphp_value[c]=5\nphp_admin_value[d]=6\nphp_value[d]=7\nphp_flag[e]=on\n";
        host.add("/p/fpm.conf", pool);
        let mut sources = Sources::default();
        let ini = Ini::load(&host, &mut sources, &["/p/php.ini".into(), "/p/none.ini".into()], Path::new("/p/conf.d"));
        let fpm = load(&host, &mut sources, Path::new("/p/fpm.conf"), Path::new("/usr")).unwrap();
        let value = |name| ini.of_pool(&fpm.pools[0], name).and_then(|value| value.text);
        let values: Vec<_> = ["a", "b", "c", "d", "e", "f"].iter().map(|name| value(name)).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(values, [text("1"), text("3"), text("4"), text("6"), text("1"), None]);
        assert_eq!(ini.files.len(), 3);
    }

    #[test]
    fn a_directory_changes_what_it_may() {
        let mut host = Memory::default();
        host.add("/p/php.ini", "memory_limit=1M\nrealpath_cache_size=1M\n");
        let entries = "php_value[post_max_size]=1M\nphp_admin_value[upload_max_filesize]=1M\n";
        host.add("/p/fpm.conf", format!("[www]\n{entries}"));
        let all = ["memory_limit", "post_max_size", "upload_max_filesize", "realpath_cache_size"];
        host.add("/r/.user.ini", all.map(|name| format!("{name}=2M\n")).concat());
        let mut sources = Sources::default();
        let ini = Ini::load(&host, &mut sources, &["/p/php.ini".into()], Path::new("/p/conf.d"));
        let user = Ini::load_user(&host, &mut sources, Path::new("/r"), ".user.ini");
        let fpm = load(&host, &mut sources, Path::new("/p/fpm.conf"), Path::new("/usr")).unwrap();
        let value = |name: &str| ini.of_request(&fpm.pools[0], user.as_ref(), name).and_then(|value| value.text);
        assert_eq!(all.map(|name| value(name).unwrap()), ["2M", "2M", "1M", "1M"]);
    }
}
