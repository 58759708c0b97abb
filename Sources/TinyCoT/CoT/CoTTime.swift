// The one form of time that every client accepts: UTC with a Z at the end (protocol 2.1).
// Parsed where the life of an event is computed, written into events that the server makes.
// Never reads a clock. Everything is days and milliseconds since 1970 in the Gregorian calendar.

public enum CoTTime {
    /// What `write` makes, in bytes: `2026-01-15T12:00:00.000Z`.
    public static var writtenBytes: Int { 24 }

    private static var dayMilliseconds: Int64 { 86_400_000 }
    /// 9999-12-31T23:59:59.999Z
    private static var latest: Int64 { 253_402_300_799_999 }

    /// The time in a raw attribute value, or nil if it is anything but a valid time.
    public static func parse(_ event: Slab<UInt8>, _ range: ByteRange) -> WallTime? {
        parse(event.slice(Int(range.offset), Int(range.count)))
    }

    /// `YYYY-MM-DDTHH:MM:SS`, an optional fraction of 1 to 9 digits, `Z`. Digits after the third
    /// are cut off.
    public static func parse(_ text: Slab<UInt8>) -> WallTime? {
        if text.count < 20 || text.count > 30 { return nil }
        if text[text.count - 1] != UInt8(ascii: "Z") { return nil }
        if text[4] != UInt8(ascii: "-") || text[7] != UInt8(ascii: "-")
            || text[10] != UInt8(ascii: "T") || text[13] != UInt8(ascii: ":")
            || text[16] != UInt8(ascii: ":")
        {
            return nil
        }
        guard let year = number(text, 0, 4), let month = number(text, 5, 2),
            let day = number(text, 8, 2), let hour = number(text, 11, 2),
            let minute = number(text, 14, 2), let second = number(text, 17, 2),
            let fraction = fraction(text)
        else { return nil }
        if year < 1 || month < 1 || month > 12 || day < 1 || day > days(month, year) {
            return nil
        }
        if hour > 23 || minute > 59 || second > 59 { return nil }
        let seconds = (hour * 60 + minute) * 60 + second
        return WallTime(
            milliseconds: dayNumber(year, month, day) * dayMilliseconds + seconds * 1000
                + fraction)
    }

    /// Appends `time` with milliseconds. What lies outside 1970 … 9999 becomes the nearest end.
    public static func write(_ time: WallTime, into writer: inout ByteWriter) {
        let clamped = min(max(time.milliseconds, 0), latest)
        let date = Date(dayNumber: clamped / dayMilliseconds)
        let rest = clamped % dayMilliseconds
        writer.append(decimal: date.year, minDigits: 4)
        writer.append(UInt8(ascii: "-"))
        writer.append(decimal: date.month, minDigits: 2)
        writer.append(UInt8(ascii: "-"))
        writer.append(decimal: date.day, minDigits: 2)
        writer.append(UInt8(ascii: "T"))
        writer.append(decimal: rest / 3_600_000, minDigits: 2)
        writer.append(UInt8(ascii: ":"))
        writer.append(decimal: rest / 60_000 % 60, minDigits: 2)
        writer.append(UInt8(ascii: ":"))
        writer.append(decimal: rest / 1000 % 60, minDigits: 2)
        writer.append(UInt8(ascii: "."))
        writer.append(decimal: rest % 1000, minDigits: 3)
        writer.append(UInt8(ascii: "Z"))
    }

    private static func number(_ text: Slab<UInt8>, _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        var i = start
        while i < start + count {
            let digit = text[i] &- UInt8(ascii: "0")
            if digit > 9 { return nil }
            value = value * 10 + Int64(digit)
            i += 1
        }
        return value
    }

    /// Milliseconds after the second.
    private static func fraction(_ text: Slab<UInt8>) -> Int64? {
        if text.count == 20 { return 0 }
        let count = text.count - 21
        if text[19] != UInt8(ascii: ".") || count < 1 { return nil }
        guard var value = number(text, 20, count) else { return nil }
        var digits = count
        while digits < 3 {
            value *= 10
            digits += 1
        }
        while digits > 3 {
            value /= 10
            digits -= 1
        }
        return value
    }

    private static func days(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Days since 1970-01-01. The year is taken to begin in March, so that the leap day is its
    /// last day and a month's start follows from its number alone.
    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        return marchYear * 365 + leapDays + dayOfYear - 719_468
    }

    private struct Date {
        var year: Int64
        var month: Int64
        var day: Int64

        /// The inverse of `dayNumber`, for days from 1970 on.
        init(dayNumber: Int64) {
            let sinceMarchOfYear0 = dayNumber + 719_468
            let era = sinceMarchOfYear0 / 146_097
            let dayOfEra = sinceMarchOfYear0 % 146_097
            // Takes away the leap days that have passed, so that every year has 365 days.
            let leapless =
                dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096
            let yearOfEra = leapless / 365
            let dayOfYear =
                dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let marchMonth = (5 * dayOfYear + 2) / 153
            day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
            month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
            year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        }
    }
}
