//! Timestamps in the formats of NTP and PTP, and the error estimate that says which and how good.

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Seconds from NTP's epoch, 1900, to 1970 (RFC 5905 §6).
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// Formats of a timestamp of 64 bits, of which the upper 32 are seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// NTP's: seconds since 1900, UTC, and 2⁻³² parts of a second (RFC 5905 §6). The default.
    #[default]
    Ntp,
    /// PTPv2's, truncated: seconds since 1970, TAI, and nanoseconds (IEEE 1588-2008, RFC 8186 §2.1).
    Ptp,
}

/// Times that readings of a clock count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// The machine's boot. Such a clock knows no date: its timestamps count from zero in either format.
    Boot,
    /// 1970, UTC.
    Unix {
        /// Seconds by which TAI is ahead of UTC, which PTP's timestamps have to add.
        tai_offset_s: u32,
    },
}

/// Facts about the clock behind a reflector's timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// Time that its readings count from.
    pub epoch: Epoch,
    /// Bound of its difference from UTC, in nanoseconds; `None` if it is not synchronised.
    pub error_ns: Option<u64>,
}

impl ClockState {
    /// A clock that counts from the boot and was never set.
    pub const SINCE_BOOT: Self = Self {
        epoch: Epoch::Boot,
        error_ns: None,
    };

    /// Returns a reading of the clock, `ns` nanoseconds, as a timestamp.
    #[inline]
    #[must_use]
    pub const fn timestamp(self, ns: u64, format: Format) -> u64 {
        let offset_s = match (self.epoch, format) {
            (Epoch::Boot, _) => 0,
            (Epoch::Unix { .. }, Format::Ntp) => NTP_TO_UNIX_S,
            (Epoch::Unix { tai_offset_s }, Format::Ptp) => tai_offset_s as u64,
        };
        // Seconds wrap around: NTP's in 2036, and an era is not told (RFC 5905 §6).
        let seconds = (ns / SECOND_NS).wrapping_add(offset_s) as u32;
        from_parts(seconds, (ns % SECOND_NS) as u32, format)
    }

    /// Returns the error estimate of the clock's timestamps.
    #[must_use]
    pub const fn error_estimate(self, format: Format) -> ErrorEstimate {
        match self.error_ns {
            Some(error_ns) => ErrorEstimate::synchronised(error_ns, format),
            None => ErrorEstimate::unsynchronised(format),
        }
    }
}

/// Returns a timestamp of `seconds` and `ns` nanoseconds, less than a second. NTP's fraction is rounded up, so
/// that [`to_ns`] gives the same nanosecond.
const fn from_parts(seconds: u32, ns: u32, format: Format) -> u64 {
    let fraction = match format {
        Format::Ntp => ((ns as u64) << 32).div_ceil(SECOND_NS),
        Format::Ptp => ns as u64,
    };
    (seconds as u64) << 32 | fraction
}

/// Returns a timestamp in nanoseconds since its format's epoch, rounded down. A PTP fraction of a second and
/// more, which no clock writes, counts as it stands.
#[inline]
#[must_use]
pub const fn to_ns(timestamp: u64, format: Format) -> u64 {
    let (seconds, fraction) = (timestamp >> 32, timestamp & u32::MAX as u64);
    let ns = match format {
        Format::Ntp => (fraction * SECOND_NS) >> 32,
        Format::Ptp => fraction,
    };
    seconds * SECOND_NS + ns
}

/// An error estimate (RFC 4656 §4.1.2, with the bit Z of RFC 8186 §2.3), as it is in a packet: S, Z, 6 bits
/// of scale, 8 bits of multiplier. The error is multiplier × 2^(scale - 32) seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorEstimate(pub u16);

impl ErrorEstimate {
    const SYNCHRONISED: u16 = 0x8000;
    const PTP: u16 = 0x4000;
    const MULTIPLIER_BITS: u32 = 8;
    const MAX_SCALE: u32 = 63;

    const fn new(is_synchronised: bool, format: Format, scale: u32, multiplier: u8) -> Self {
        let s = if is_synchronised {
            Self::SYNCHRONISED
        } else {
            0
        };
        let z = match format {
            Format::Ntp => 0,
            Format::Ptp => Self::PTP,
        };
        Self(s | z | (scale as u16) << Self::MULTIPLIER_BITS | multiplier as u16)
    }

    /// Returns the estimate of a clock that nothing synchronises: as large as a timestamp's whole range,
    /// 2³² seconds.
    #[must_use]
    pub const fn unsynchronised(format: Format) -> Self {
        Self::new(false, format, Self::MAX_SCALE, 2)
    }

    /// Returns the estimate of a clock that differs from UTC by `error_ns` nanoseconds at most, rounded up. It is
    /// never zero, which would make a packet invalid (RFC 4656 §4.1.2).
    #[must_use]
    pub const fn synchronised(error_ns: u64, format: Format) -> Self {
        let seconds = error_ns / SECOND_NS;
        let seconds = if seconds > u32::MAX as u64 {
            u32::MAX as u64
        } else {
            seconds
        };
        // In units of 2⁻³² s.
        let error = from_parts(seconds as u32, (error_ns % SECOND_NS) as u32, Format::Ntp);
        let error = if error == 0 { 1 } else { error };
        let bits = u64::BITS - error.leading_zeros();
        let mut scale = bits.saturating_sub(Self::MULTIPLIER_BITS);
        let mut multiplier = error.div_ceil(1 << scale);
        if multiplier > u8::MAX as u64 {
            scale += 1;
            multiplier = error.div_ceil(1 << scale);
        }
        Self::new(true, format, scale, multiplier as u8)
    }

    /// Returns true if the clock is synchronised to UTC from outside (S).
    #[must_use]
    pub const fn is_synchronised(self) -> bool {
        self.0 & Self::SYNCHRONISED != 0
    }

    /// Returns the format of the timestamps (Z).
    #[inline]
    #[must_use]
    pub const fn format(self) -> Format {
        if self.0 & Self::PTP == 0 {
            Format::Ntp
        } else {
            Format::Ptp
        }
    }

    /// Returns the error in units of 2⁻³² seconds; `None` if it is more than 64 bits hold.
    #[must_use]
    pub const fn error(self) -> Option<u64> {
        let scale = (self.0 >> Self::MULTIPLIER_BITS) as u32 & Self::MAX_SCALE;
        let multiplier = self.0 as u64 & 0xff;
        if multiplier.leading_zeros() >= scale {
            Some(multiplier << scale)
        } else {
            None
        }
    }
}
