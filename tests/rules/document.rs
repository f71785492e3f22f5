//! A rule's document, read: its title, its sections, and its examples with the marks in their comments.

use std::collections::BTreeSet;

/// The sections that every document has, in this order.
pub const SECTIONS: [&str; 5] = ["What happens", "Bad", "Good", "What to do", "Limits"];

/// A document.
#[derive(Debug, Default)]
pub struct Document {
    /// The text of the first heading.
    pub title: String,
    /// What stands between the title and the first section.
    pub opening: String,
    /// The headings of the second level with their lines.
    pub sections: Vec<(String, usize)>,
    /// The text of the first section.
    pub happens: String,
    /// Where the rule must fire.
    pub bad: Vec<Example>,
    /// Where it must rest.
    pub good: Vec<Example>,
    /// What stands in backticks outside fences, with its line.
    pub quoted: Vec<(String, usize)>,
}

/// A host that a document lays out.
#[derive(Debug, Default)]
pub struct Example {
    /// Its heading.
    pub title: String,
    /// The heading's line.
    pub line: usize,
    /// The other rules that it says fire.
    pub also: BTreeSet<String>,
    /// Its files.
    pub files: Vec<File>,
}

/// A file of an example.
#[derive(Debug)]
pub struct File {
    /// Its path on the host.
    pub path: String,
    /// The document's line in which its first line stands.
    pub line: usize,
    /// Its text.
    pub text: String,
    /// What the comments say must be found.
    pub marks: Vec<Mark>,
}

/// `# error: text` and its like.
#[derive(Clone, Debug)]
pub struct Mark {
    /// `error`, `warning` or `advice` for a primary label, `label` for another one.
    pub kind: &'static str,
    /// A part of the label's text.
    pub text: String,
    /// The document's line.
    pub line: usize,
}

const KINDS: [&str; 4] = ["error", "warning", "advice", "label"];

/// Reads a document; the error names the line.
pub fn read(text: &str) -> Result<Document, String> {
    let mut document = Document::default();
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    // The last line with text outside fences, which may name the file that follows.
    let mut last = "";
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let mut file = String::new();
            loop {
                match lines.next() {
                    Some((_, "```")) => break,
                    Some((_, line)) => file.extend([line, "\n"]),
                    None => return Err(format!("{number}: this fence is never closed")),
                }
            }
            if let Some(example) = document.example() {
                let path = last.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:"));
                if let Some(path) = path {
                    let marks = marks(&file, number + 1);
                    example.files.push(File { path: path.to_owned(), line: number + 1, text: file, marks });
                } else if language != "text" {
                    return Err(format!("{number}: the line above this fence names no file (`/path`:)"));
                }
            } else if document.sections.len() == 1 {
                document.happens.push_str(&file);
            }
            last = "";
            continue;
        }
        document.prose(line, number);
        if !line.trim().is_empty() {
            last = line.trim();
        }
    }
    for examples in [&mut document.bad, &mut document.good] {
        // Prose between a section's heading and its first example makes no example.
        examples.retain(|example| !example.files.is_empty());
    }
    Ok(document)
}

impl Document {
    fn prose(&mut self, line: &str, number: usize) {
        self.quoted.extend(line.split('`').skip(1).step_by(2).map(|text| (text.to_owned(), number)));
        if let Some(title) = line.strip_prefix("# ") {
            self.title = title.to_owned();
        } else if let Some(section) = line.strip_prefix("## ") {
            self.sections.push((section.to_owned(), number));
            self.begin(section, number);
        } else if let Some(title) = line.strip_prefix("### ") {
            self.begin(title, number);
        } else if self.sections.is_empty() {
            self.opening.push_str(line);
        } else if let (Some(also), Some(example)) = (line.strip_prefix("also: "), self.example()) {
            example.also.extend(also.split(',').map(|id| id.trim().to_owned()));
        } else if self.sections.len() == 1 {
            self.happens.extend([line, "\n"]);
        }
    }

    fn begin(&mut self, title: &str, line: usize) {
        if let Some(examples) = self.examples() {
            examples.push(Example { title: title.to_owned(), line, ..Example::default() });
        }
    }

    /// The examples of the section that is being read, if it has any.
    fn examples(&mut self) -> Option<&mut Vec<Example>> {
        match self.sections.last()?.0.as_str() {
            "Bad" => Some(&mut self.bad),
            "Good" => Some(&mut self.good),
            _ => None,
        }
    }

    fn example(&mut self) -> Option<&mut Example> {
        self.examples()?.last_mut()
    }
}

/// The marks in a file whose first line is the document's line `first`.
fn marks(text: &str, first: usize) -> Vec<Mark> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let starts = |kind: &'static str| {
            let comments = ['#', ';'].map(|sign| format!("{sign} {kind}: "));
            comments.into_iter().flat_map(move |mark| {
                line.match_indices(&mark).map(|(at, _)| (at, at + mark.len(), kind)).collect::<Vec<_>>()
            })
        };
        let mut here: Vec<(usize, usize, &'static str)> = KINDS.into_iter().flat_map(starts).collect();
        here.sort_unstable();
        for (number, (_, start, kind)) in here.iter().enumerate() {
            let end = here.get(number + 1).map_or(line.len(), |next| next.0);
            found.push(Mark { kind, text: line[*start..end].trim().to_owned(), line: first + at });
        }
    }
    found
}
