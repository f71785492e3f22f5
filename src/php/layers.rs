//! The ini settings that a pool's scripts start with: php.ini, the files of `conf.d` over it, then
//! the pool's `php_value` and `php_admin_value`.
//!
//! In ini files the last value of a name counts, among a pool's entries the first; `php_admin_value`
//! beats `php_value` wherever they stand. Verified with PHP-FPM 8.2. What scripts, `.user.ini` and
//! `fastcgi_param PHP_VALUE` change at run time is not seen here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ast::{Item, Value};
use super::ini::parse_ini;
use super::load::PoolSettings;
use crate::host::Host;
use crate::source::{Sources, Span};

/// The settings of php.ini and the files of `conf.d`.
#[derive(Debug, Default)]
pub struct Ini {
    values: BTreeMap<String, IniValue>,
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

impl Ini {
    /// Reads php.ini files in order, then every `*.ini` of the scan directory in bytewise order.
    /// Files that are not there are no mistake: PHP does without them.
    pub fn load(host: &dyn Host, sources: &mut Sources, inis: &[PathBuf], scan: &Path) -> Self {
        let mut ini = Ini::default();
        let scanned = host.list(scan).into_iter().map(|name| scan.join(name));
        let scanned = scanned.filter(|path| path.extension().is_some_and(|ending| ending == "ini"));
        for path in inis.iter().cloned().chain(scanned) {
            let Ok(opened) = host.open(&path) else { continue };
            let (shown, real) = opened.names(host, &path);
            let file = sources.add(shown, real, opened.bytes);
            ini.read(&parse_ini(file, sources.get(file).bytes()).items);
            ini.files.push(path);
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
                Item::Setting(setting) if for_all && setting.index.is_none() => {
                    if let Some(value) = &setting.value {
                        let value = IniValue { text: Value::text(value), span: value.span };
                        self.values.insert(setting.key.clone(), value);
                    }
                }
                Item::Setting(_) => {}
            }
        }
    }

    /// The value of php.ini and `conf.d`, which the master itself starts with.
    pub fn get(&self, name: &str) -> Option<&IniValue> {
        self.values.get(name)
    }

    /// The value that a pool's scripts start with, or `None` for PHP's own default.
    pub fn of_pool(&self, pool: &PoolSettings, name: &str) -> Option<IniValue> {
        let entry = |keys: [&str; 2]| {
            let found = pool
                .assigned
                .iter()
                .find(|assigned| keys.contains(&assigned.key.as_str()) && assigned.index.as_deref() == Some(name));
            found.map(|found| IniValue { text: found.text.clone(), span: found.value_span })
        };
        entry(["php_admin_value", "php_admin_flag"])
            .or_else(|| entry(["php_value", "php_flag"]))
            .or_else(|| self.values.get(name).cloned())
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
}
