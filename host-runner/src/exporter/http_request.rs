//! A request of HTTP/1.1, as far as an exporter needs it: method, path and the header `Accept` (RFC 9112).
#![forbid(unsafe_code)]

/// Most bytes of a request's head.
pub const MAX_HEAD: usize = 8 << 10;

/// Most header fields.
const MAX_FIELDS: usize = 64;

/// A method that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Asks for a resource.
    Get,
    /// Asks for the head of the response.
    Head,
    /// Any other.
    Other,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path, without a query.
    pub path: String,
    /// Media types that the client takes.
    pub accept: String,
}

/// State of a head that is being received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// More has to come.
    Partial,
    /// The head is here.
    Complete(Request),
    /// Bytes that are no head of a request, or one with too many fields.
    Malformed,
}

/// Parses the beginning of what a client sent.
#[must_use]
pub fn parse(bytes: &[u8]) -> Head {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => return Head::Partial,
        Ok(httparse::Status::Complete(_)) => {}
        Err(_) => return Head::Malformed,
    }
    let target = request.path.unwrap_or_default();
    let accept = request.headers.iter();
    let accept = accept.filter(|field| field.name.eq_ignore_ascii_case("accept"));
    let accept: Vec<_> = accept
        .map(|field| String::from_utf8_lossy(field.value))
        .collect();
    Head::Complete(Request {
        method: match request.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            _ => Method::Other,
        },
        path: target
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned(),
        accept: accept.join(","),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_taken_apart() {
        let text =
            b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nACCEPT: text/plain\r\nAccept: */*\r\n\r\n";
        let expected = Request {
            method: Method::Get,
            path: "/metrics".to_owned(),
            accept: "text/plain,*/*".to_owned(),
        };
        assert_eq!(parse(text), Head::Complete(expected));
        assert_eq!(parse(&text[..40]), Head::Partial);
        assert_eq!(parse(b""), Head::Partial);
        assert_eq!(parse(b"\x16\x03\x01\x02\x00\x01"), Head::Malformed);
        let fields = "A: b\r\n".repeat(MAX_FIELDS + 1);
        assert_eq!(
            parse(format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes()),
            Head::Malformed
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let head = parse(&bytes);
            prop_assert!(!matches!(head, Head::Complete(_)) || bytes.len() > 10);
        }
    }
}
