//! A request as its signature sees it.

/// What came, untouched. Everything in it is the caller's word until it is verified.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The method, as it was written.
    pub method: &'r str,
    /// The absolute URL that the sender called: the public base, the path and the query as they were written.
    pub url: &'r str,
    /// The headers.
    pub headers: &'r dyn Headers,
    /// The body as it came, before any content encoding is undone.
    pub body: &'r [u8],
    /// The certificate (DER) that the caller has shown the key of, where the listener asks for one.
    pub client_certificate: Option<&'r [u8]>,
}

/// How headers are looked up.
pub trait Headers: Sync {
    /// The values of all headers of a name, in whatever case it is written, in the order that they came.
    fn values(&self, name: &str) -> Vec<&[u8]>;

    /// All headers, by their names as they are written, in the order that they came.
    fn all(&self) -> Vec<(&str, &[u8])>;
}

/// Names and values in a list, for tests and for senders within the process.
impl<N: AsRef<str> + Sync, V: AsRef<[u8]> + Sync> Headers for Vec<(N, V)> {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.iter().filter(|(key, _)| key.as_ref().eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_ref()).collect()
    }

    fn all(&self) -> Vec<(&str, &[u8])> {
        self.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect()
    }
}
