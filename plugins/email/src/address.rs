//! Addresses: `user@host`, or `Name <user@host>`.

use std::fmt;

use stepmill_sdk::Failure;

/// One address, checked: nothing in it ends it, and begins another or a header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) name: Option<String>,
    pub(crate) mail: String,
}

impl Address {
    pub(crate) fn parse(key: &str, text: &str) -> Result<Self, Failure> {
        let wrong = || {
            let shown: String = text.chars().take(80).collect();
            let message =
                format!("`{key}`: {shown:?} is no address such as a@x.example or `Ada <a@x.example>`");
            Failure::reject("email", message)
        };
        let text = text.trim();
        let (name, mail) = match text.strip_suffix('>') {
            Some(rest) => {
                rest.rsplit_once('<').map(|(name, mail)| (Some(name.trim()), mail)).ok_or_else(wrong)?
            }
            None => (None, text),
        };
        // Quoted names come with their quotes; what is left in it is written with escapes.
        let name =
            name.map(|name| name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name));
        let is_foreign = |c: char| c.is_control() || c.is_whitespace() || "<>()[]\\,;:\"".contains(c);
        let is_mail = mail.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@') && !mail.contains(is_foreign)
        });
        let is_name =
            name.is_none_or(|name| !name.contains(|c: char| c.is_control() || "<>\"\\".contains(c)));
        if !is_mail || !is_name {
            return Err(wrong());
        }
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(Self { name, mail: mail.to_owned() })
    }
}

impl fmt::Display for Address {
    /// As headers have it; the name in quotes, so that commas in it are none between addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "\"{name}\" <{}>", self.mail),
            None => f.write_str(&self.mail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_mails_are_told_apart() {
        let parse = |text: &str| Address::parse("to", text).unwrap();
        assert_eq!(parse(" a@x.example "), Address { name: None, mail: "a@x.example".into() });
        let named = parse("Lovelace, Ada <ada+1@x.example>");
        assert_eq!(named.to_string(), "\"Lovelace, Ada\" <ada+1@x.example>");
        assert_eq!(parse("\"Ada\" <a@x.example>").name.as_deref(), Some("Ada"));
        assert_eq!(parse("<a@x.example>").name, None);
    }

    #[test]
    fn no_address_adds_another_or_a_header() {
        for text in [
            "",
            "a",
            "@x",
            "a@",
            "a@x, b@y",
            "a@x;b@y",
            "a@x\r\nBcc: b@y",
            "A <a@x> <b@y>",
            "A\nB <a@x>",
            "a@b@c",
            "a b@x",
            "\"A\" <b@y>, \"B\" <a@x>",
            "A <a@x",
        ] {
            assert_eq!(Address::parse("to", text).unwrap_err().code(), Some("email"), "{text:?}");
        }
    }
}
