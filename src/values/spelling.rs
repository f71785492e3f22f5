//! How near two spellings are.

/// Names are compared letter by letter so often. Where that does not suffice, so many are wrong that a missing hint is
/// no loss: a hundred wrong names among five thousand of twenty letters are as many.
pub const MAX_LETTERS: usize = 200_000_000;

/// Looks for names that are nearly right, as often as that can be done in a short time.
pub struct Nearest {
    letters: usize,
}

impl Default for Nearest {
    fn default() -> Self {
        Nearest { letters: MAX_LETTERS }
    }
}

impl Nearest {
    /// How many letters differ, as long as not too many were compared.
    pub fn distance(&mut self, known: &str, name: &str) -> Option<usize> {
        self.letters = self.letters.checked_sub(name.len() * known.len())?;
        Some(distance(known, name))
    }

    /// The first of the things with the name that is nearest to a name, where it differs in a quarter of the letters
    /// at most.
    pub fn of<'a, T>(&mut self, name: &str, things: &'a [T], name_of: impl Fn(&T) -> &str) -> Option<&'a T> {
        let most = 2.max(name.chars().count() / 4);
        let mut best: Option<(usize, &T)> = None;
        for thing in things {
            let known = name_of(thing);
            let edits = self.distance(known, name)?;
            if edits <= most && best.is_none_or(|(least, _)| edits < least) {
                best = Some((edits, thing));
            }
        }
        best.map(|(_, thing)| thing)
    }
}

/// The edit distance of two texts (Levenshtein), for texts as short as names and paths.
pub fn distance(a: &str, b: &str) -> usize {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(char, _)| char.len_utf8()).sum();
    let (a, b) = (&a[same..], &b[same..]);
    let b: Vec<char> = b.chars().take(256).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(256).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_first_of_the_nearest() {
        let near = |name| Nearest::default().of(name, &["php", "php-fpm", "php-fpn"], |known| known).copied();
        assert_eq!([near("php-fpx"), near("phpp"), near("web-server")], [Some("php-fpm"), Some("php"), None]);
    }

    #[test]
    fn names_are_compared_while_there_are_few() {
        let found = |letters| Nearest { letters }.of("ab", &["xy", "ac"], |known| known).copied();
        assert_eq!([found(8), found(7)], [Some("ac"), None]);
    }
}
