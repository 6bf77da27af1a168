/// Times as requests write them: Unix seconds with decimals, RFC 3339, or Prometheus's two boundary times.
///
/// Every time is clamped to the range of Prometheus's boundary times, which lies 700 days inside `Int64` milliseconds:
/// a lookback may be subtracted from it without overflow.
public enum TimeText {
    /// `-292273086-05-16T16:47:06Z` in milliseconds.
    public static let earliest: Int64 = -9_223_309_901_257_974_000
    /// `292277025-08-18T07:12:54.999999999Z` in milliseconds.
    public static let latest: Int64 = 9_223_309_901_257_974_999

    /// Milliseconds since the epoch; nil when the text is no time.
    public static func parse(_ text: String) -> Int64? {
        if let seconds = NumberText.double(text) {
            guard seconds.isFinite else { return nil }
            return milliseconds(seconds: seconds)
        }
        if text == "-292273086-05-16T16:47:06Z" { return earliest }
        if text == "292277025-08-18T07:12:54.999999999Z" { return latest }
        return parseRFC3339(Array(text.utf8))
    }

    /// The fraction is rounded to milliseconds on its own, as Prometheus does, so that large times keep theirs.
    private static func milliseconds(seconds: Double) -> Int64 {
        if seconds >= 9_223_309_901_257_974 { return latest }
        if seconds <= -9_223_309_901_257_974 { return earliest }
        let whole = seconds.rounded(.towardZero)
        let fraction = ((seconds - whole) * 1_000).rounded(.toNearestOrAwayFromZero)
        return Int64(whole) * 1_000 + Int64(fraction)
    }

    /// `2015-07-01T20:10:51.781Z`, `…+01:00`.
    private static func parseRFC3339(_ text: [UInt8]) -> Int64? {
        var at = 0
        func take(_ byte: Character) -> Bool {
            guard at < text.count, text[at] == byte.asciiValue else { return false }
            at += 1
            return true
        }
        func digits(_ count: Int) -> Int64? {
            guard at + count <= text.count else { return nil }
            var number: Int64 = 0
            for byte in text[at..<at + count] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                number = number * 10 + Int64(byte - 0x30)
            }
            at += count
            return number
        }
        guard let year = digits(4), take("-"), let month = digits(2), take("-"), let day = digits(2), take("T"),
            let hour = digits(2), take(":"), let minute = digits(2), take(":"), let second = digits(2),
            (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year), hour < 24, minute < 60,
            second < 60
        else { return nil }
        var fraction: Int64 = 0
        if take(".") {
            var scale: Int64 = 100
            let first = at
            while at < text.count, text[at] >= 0x30, text[at] <= 0x39 {
                fraction += Int64(text[at] - 0x30) * scale
                scale /= 10
                at += 1
            }
            guard at > first else { return nil }
        }
        var zone: Int64 = 0
        if !take("Z") {
            let isEast = take("+")
            guard isEast || take("-"), let hours = digits(2), take(":"), let minutes = digits(2), hours < 24,
                minutes < 60
            else { return nil }
            zone = (hours * 60 + minutes) * (isEast ? 1 : -1)
        }
        guard at == text.count else { return nil }
        let time = daysSinceEpoch(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
        return (time - zone * 60) * 1_000 + fraction
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin with March.
    private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// `2015-07-01T20:10:51.781Z`: for logs and status pages; whole seconds without a fraction.
    public static func rfc3339(_ milliseconds: Int64) -> String {
        let (day, inDay) = floorDivide(milliseconds, 86_400_000)
        let shifted = day + 719_468
        let (era, dayOfEra) = floorDivide(shifted, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let seconds = inDay / 1_000
        let fraction = inDay % 1_000
        let time = "\(pad(seconds / 3_600, 2)):\(pad(seconds / 60 % 60, 2)):\(pad(seconds % 60, 2))"
        let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfMonth, 2))"
        return "\(date)T\(time)\(fraction == 0 ? "" : "." + pad(fraction, 3))Z"
    }

    private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: by)
        return remainder < 0 ? (quotient - 1, remainder + by) : (quotient, remainder)
    }

    private static func pad(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
