//! An output that is read while it is written.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// An output that is read as it comes.
#[derive(Debug)]
pub struct Stream {
    pub text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    /// Reads `from` on a thread of its own.
    pub fn read(mut from: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let ours = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = from.read(&mut buffer) {
                let mut text = ours.lock().unwrap_or_else(PoisonError::into_inner);
                text.extend_from_slice(&buffer[..len]);
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    /// Returns its output so far.
    pub fn so_far(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// All of it, once the last process that could write to it has ended.
    pub fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it only reads");
        }
        self.so_far()
    }
}
