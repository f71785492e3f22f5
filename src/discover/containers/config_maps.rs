//! The ConfigMaps of Kubernetes in a repository: written in YAML, or made of files by `configMapGenerator` of Kustomize.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::embedded;
use super::variables::Text;
use super::yaml::Value;

/// Of a file with more documents no more are read.
const MAX_DOCUMENTS: usize = 100;

/// So many bytes are read for the documents of one file, each with the blanks before it.
const MAX_BYTES: usize = 4 << 20;

/// The ConfigMaps of a repository, by name.
#[derive(Default)]
pub(super) struct ConfigMaps(HashMap<String, Vec<ConfigMap>>);

/// A ConfigMap: the file that describes it, and its keys.
pub(super) struct ConfigMap {
    file: PathBuf,
    /// What is behind each key.
    pub keys: Vec<(String, Content)>,
}

/// What is behind a key.
#[derive(Clone)]
pub(super) enum Content {
    /// A text of this file, as [`embedded`] takes it out.
    Text(Text, Vec<u8>),
    /// A file, as it is named from the directory of the Kustomization.
    File(PathBuf),
    /// Something that is rendered first, or is no configuration.
    Open,
}

/// The documents of a file, each as the whole file with blanks for what stands before it.
pub(super) fn documents(text: &str) -> Vec<String> {
    let mut documents = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut ends: Vec<(usize, usize)> = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            ends.push((start, at));
            start = at + line.len();
        }
        at += line.len();
    }
    ends.push((start, text.len()));
    let most = MAX_DOCUMENTS.min(MAX_BYTES / text.len().max(1));
    for (start, end) in ends.into_iter().filter(|(start, end)| text[*start..*end].contains("kind:")).take(most) {
        let blank = |char: char| if char == '\n' { "\n".to_owned() } else { " ".repeat(char.len_utf8()) };
        let before: String = text[..start].chars().map(blank).collect();
        documents.push(before + &text[start..end]);
    }
    documents
}

impl ConfigMaps {
    /// Takes in those of a file; `file` is its path.
    pub fn read(&mut self, file: &Path, text: &Text) {
        for document in documents(&text.1) {
            let Some(value) = Value::read(&document) else { continue };
            match value.text("kind") {
                Some("ConfigMap") => self.add(file, &value, &document, text),
                Some("Kustomization") => self.generated(file, &value),
                _ => {}
            }
        }
        // The kind of a Kustomization may be left out.
        if is_kustomization(file) && !text.1.contains("kind:") {
            Value::read(&text.1).into_iter().for_each(|value| self.generated(file, &value));
        }
    }

    fn add(&mut self, file: &Path, value: &Value, document: &str, text: &Text) {
        let Some(name) = value.get("metadata").and_then(|metadata| metadata.text("name")) else { return };
        let texts = embedded::inside_of("x.yaml", document);
        let of_key = |key: &str| match texts.iter().find(|one| one.name == key && !one.is_filled_in) {
            Some(one) => Content::Text(text.clone(), one.text.clone()),
            None => Content::Open,
        };
        let keys = value.get("data").map(Value::entries).unwrap_or_default();
        let keys = keys.iter().map(|entry| (entry.key.clone(), of_key(&entry.key))).collect();
        self.0.entry(name.to_owned()).or_default().push(ConfigMap { file: file.to_owned(), keys });
    }

    fn generated(&mut self, file: &Path, value: &Value) {
        for generator in value.get("configMapGenerator").into_iter().flat_map(Value::members) {
            let Some(name) = generator.text("name") else { continue };
            let files = generator.get("files").map(Value::texts).unwrap_or_default().into_iter();
            let keys = files.map(|named| {
                let (key, path) = named.split_once('=').unwrap_or((named.rsplit('/').next().unwrap_or(named), named));
                let directory = file.parent().unwrap_or(Path::new("/"));
                (key.to_owned(), Content::File(crate::host::normalize(&directory.join(path))))
            });
            let keys = keys.collect();
            self.0.entry(name.to_owned()).or_default().push(ConfigMap { file: file.to_owned(), keys });
        }
    }

    /// The ConfigMap of a name that is meant in a file: the only one there, else in its directory, else of all.
    pub fn find(&self, name: &str, file: &Path) -> Option<&ConfigMap> {
        let all = self.0.get(name)?;
        let only = |is: &dyn Fn(&&ConfigMap) -> bool| match all.iter().filter(is).collect::<Vec<_>>()[..] {
            [] => None,
            [one] => Some(Some(one)),
            _ => Some(None),
        };
        only(&|map| map.file == file)
            .or_else(|| only(&|map| map.file.parent() == file.parent()))
            .or_else(|| only(&|_| true))?
    }
}

/// Whether a file is one of Kustomize, by its name.
pub(super) fn is_kustomization(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    matches!(&*name, "kustomization.yaml" | "kustomization.yml")
}
