/// A time in UTC, taken apart by the Gregorian calendar. Any 64-bit number of seconds will do.
struct CivilTime {
    let year: Int64
    let month: Int64
    let day: Int64
    /// 0 is Sunday.
    let weekday: Int64
    /// From 1.
    let dayOfYear: Int64
    let hour: Int64
    let minute: Int64
    let second: Int64

    init(secondsSinceEpoch seconds: Int64) {
        let days = Self.floorDivided(seconds, by: 86_400)
        let ofDay = seconds &- days &* 86_400  // the product may lie one day below 64 bits
        hour = ofDay / 3_600
        minute = ofDay % 3_600 / 60
        second = ofDay % 60
        weekday = (days % 7 + 11) % 7
        // Years that begin in March, eras of 400 years: Hinnant's `civil_from_days`.
        let shifted = days + 719_468
        let era = Self.floorDivided(shifted, by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfMarchYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfMarchYear + 2) / 153
        day = dayOfMarchYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = Self.isLeap(year)
        dayOfYear = month > 2 ? dayOfMarchYear + 60 + (isLeap ? 1 : 0) : dayOfMarchYear - 305
    }

    var daysInMonth: Int64 {
        switch month {
        case 2: Self.isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func floorDivided(_ a: Int64, by b: Int64) -> Int64 {
        a >= 0 ? a / b : -((-(a + 1)) / b) - 1
    }
}
