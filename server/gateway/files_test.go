package gateway

import (
	"bytes"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// FuzzForm holds the reader of uploads against mime/multipart's own: what is taken is what the form says, and what is refused is the
// caller's mistake, told in a sentence.
func FuzzForm(f *testing.F) {
	part := func(header, content string) string {
		return "--x\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + content + "\r\n"
	}
	for _, form := range []string{
		part(`name="file"; filename="a.pdf"`, "%PDF-1.4") + part(`name="category"`, "invoice") + part(`name="description"`, "é\xff") + "--x--\r\n",
		part(`name="file_name"`, "b.pdf") + part(`name="file"; filename="../\xff"`, "") + "--x--", part(`name="file"`, "no end"),
		part(`name="file"`, "a") + part(`name="file"`, "b") + "--x--", part(`name="\xff"`, "") + part(``, "") + "--x--",
		"--x\r\nContent-Disposition: form-data; name=file\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3\r\n--x--", "--x--", "", "--x\r\nno",
		part(`name="file"; filename="a.pdf"`, "%PDF-1.4") + part(`name="category"`, "invoice"), // cut off where a part ends
	} {
		f.Add([]byte(form))
	}
	documents := newUploads()["/v1/documents"]
	f.Fuzz(func(t *testing.T, body []byte) {
		read, err := documents.readForm(multipart.NewReader(bytes.NewReader(body), "x"))
		if err != nil {
			e := apierr.From(err)
			checkBounds(t, e)
			switch e.Code {
			case antonv1.ErrorCode_invalid_json, antonv1.ErrorCode_validation_error, antonv1.ErrorCode_payload_too_large:
			default:
				t.Fatalf("%q: %v", body, e)
			}
			return
		}
		req := read.(*antonv1.CreateDocumentRequest)
		form, err := multipart.NewReader(bytes.NewReader(body), "x").ReadForm(1 << 20)
		if err != nil {
			t.Fatalf("%q was taken; mime/multipart: %v", body, err)
		}
		description, category, name := contentOf(t, form, "description"), contentOf(t, form, "category"), contentOf(t, form, "file_name")
		if string(req.GetContent()) != contentOf(t, form, "file") || req.GetDescription() != strings.ToValidUTF8(description, "\uFFFD") ||
			name != "" && req.GetFileName() != strings.ToValidUTF8(name, "\uFFFD") ||
			category != "" && req.GetCategory().String() != category || category == "" && req.GetCategory() != 0 {
			t.Fatalf("%q was taken as %v", body, req)
		}
	})
}

// contentOf is what a part of the form holds, whether it was sent as a file or as a value.
func contentOf(t *testing.T, form *multipart.Form, name string) string {
	t.Helper()
	if values := form.Value[name]; len(values) > 0 {
		return values[0]
	}
	files := form.File[name]
	if len(files) == 0 {
		return ""
	}
	file, err := files[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
