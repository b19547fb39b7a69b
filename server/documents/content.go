package documents

import (
	"bytes"
	"cmp"
	"image"
	_ "image/jpeg" // what a document may be
	_ "image/png"  // what a document may be
	"strings"

	"github.com/antonpayments/anton/server/call"
)

// maxPixels bounds what a picture claims to be: whoever opens it later must not be asked for gigabytes.
const maxPixels = 100_000_000

// typeOf is what a file is, by its content; empty for what we do not take. A picture must have a header that its decoder understands, a
// PDF its header in the first kilobyte and its end in the last (ISO 32000-1, 7.5.2 and 7.5.5, with the slack that readers give).
func typeOf(content []byte) string {
	if head := content[:min(len(content), 1024)]; bytes.HasPrefix(bytes.TrimLeft(head, "\x00\t\n\f\r \xef\xbb\xbf"), []byte("%PDF-")) {
		tail := content[max(0, len(content)-1024):]
		if bytes.Contains(tail, []byte("%%EOF")) && bytes.Contains(content, []byte("startxref")) {
			return "application/pdf"
		}
		return ""
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil || config.Width <= 0 || config.Height <= 0 || config.Width > maxPixels/config.Height || !ends(format, content) {
		return ""
	}
	return "image/" + format
}

// ends says whether a picture's end is there: one that was cut off shows nothing to whoever must decide by it.
func ends(format string, content []byte) bool {
	tail := content[max(0, len(content)-4096):]
	if format == "png" {
		return bytes.Contains(tail, []byte("IEND"))
	}
	return bytes.Contains(tail, []byte{0xff, 0xd9})
}

// cleanName is a document's name as call.FileName has it, or one made of what the file is.
func cleanName(name, contentType string) string {
	return cmp.Or(call.FileName(name), "document."+contentType[strings.LastIndex(contentType, "/")+1:])
}
