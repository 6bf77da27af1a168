import Platform
import Testing

@testable import S3Storage

struct S3XMLTests {
    @Test func elementsTextAndEntitiesAreRead() throws {
        let xml = try S3XML.parse(
            Bytes(
                text: """
                    <?xml version="1.0" encoding="UTF-8"?>
                    <!-- a remark -->
                    <s3:Error xmlns:s3="http://a.b/>c"><Code>Slow&amp;Down&#33;&#x21;</Code><Empty/><A><B><![CDATA[<x>]]></B></A></s3:Error>

                    """))
        #expect(xml.name == "Error")
        #expect(xml.text("Code") == "Slow&Down!!")
        #expect(xml.text("Empty") == "")
        #expect(xml.all("A").first?.text("B") == "<x>")
        #expect(xml.text("Nothing") == nil)
    }

    @Test(arguments: [
        "", "<", "<a", "<a>", "<a></b>", "<a>&unknown;</a>", "<a>&#xD800;</a>", "<a>&", "<a/><b/>", "text", "</a>",
        "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>", "<a><!DOCTYPE b></a>", "<a b=\"",
        "<a <b/>>",
        "<a><![CDATA[</a>", "<a><!-- </a>", "<?xml",
    ])
    func anythingElseIsRefused(text: String) {
        #expect(throws: MalformedBytes.self) { try S3XML.parse(Bytes(text: text)) }
    }

    @Test func depthAndNumberOfElementsAreBounded() {
        let deep = String(repeating: "<a>", count: 100_000)
        #expect(throws: MalformedBytes.self) { try S3XML.parse(Bytes(text: deep)) }
        let many = "<a>" + String(repeating: "<b/>", count: S3XML.maximumElements + 1) + "</a>"
        #expect(throws: MalformedBytes.self) { try S3XML.parse(Bytes(text: many)) }
        #expect(throws: MalformedBytes.self) { try S3XML.parse(Bytes(repeating: 0x20, count: S3XML.maximumBytes + 1)) }
    }

    /// Every prefix and every changed byte of a real answer: read or refused, never a trap.
    @Test func noBytesBringItDown() {
        let real = Bytes(
            text: "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a&amp;b</Key><Size>1</Size>"
                + "<LastModified>2026-11-26T00:12:34.567Z</LastModified></Contents></ListBucketResult>")
        for end in real.indices { _ = try? S3XML.parse(Bytes(real[..<end])) }
        for at in real.indices {
            for byte in [UInt8(0), 0x3c, 0x3e, 0x26, 0x22, 0x2f, 0xff] {
                var changed = real
                changed[at] = byte
                _ = try? S3XML.parse(changed)
                _ = try? S3Listing(changed, below: "", "")
            }
        }
    }
}
