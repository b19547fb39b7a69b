package documents

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/antonpayments/anton/server/call"
)

// clamd is a scanner that speaks the protocol as clamd(8) has it, over any listener, and finds the EICAR test string.
func clamd(t *testing.T, l net.Listener) {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			answer(conn)
		}
	}()
}

func answer(conn net.Conn) {
	defer conn.Close()
	command := make([]byte, len("zINSTREAM\x00"))
	if _, err := io.ReadFull(conn, command); err != nil || string(command) != "zINSTREAM\x00" {
		_, _ = conn.Write([]byte("UNKNOWN COMMAND\x00"))
		return
	}
	var all bytes.Buffer
	for {
		var size uint32
		if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
			return
		}
		if size == 0 {
			break
		}
		if _, err := io.CopyN(&all, conn, int64(size)); err != nil {
			return
		}
	}
	switch {
	case strings.Contains(all.String(), "EICAR"):
		_, _ = conn.Write([]byte("stream: Win.Test.EICAR_HDB-1 FOUND\x00"))
	case all.Len() > 1<<20:
		_, _ = conn.Write([]byte("INSTREAM size limit exceeded. ERROR\x00"))
	default:
		_, _ = conn.Write([]byte("stream: OK\x00"))
	}
}

func TestTheScannerIsAsked(t *testing.T) {
	t.Parallel()
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "clamd.sock")
	socket, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	clamd(t, tcp)
	clamd(t, socket)
	for _, address := range []string{tcp.Addr().String(), "unix:" + path} {
		for content, want := range map[string]string{
			"harmless": "", strings.Repeat("x", 3*chunkSize+1): "", "a EICAR b": "Win.Test.EICAR_HDB-1",
			strings.Repeat("x", chunkSize-2) + "EICAR": "Win.Test.EICAR_HDB-1", // across two chunks
		} {
			if found, err := scan(t.Context(), address, []byte(content)); found != want || err != nil {
				t.Errorf("%d bytes at %s: %q, %v", len(content), address, found, err)
			}
		}
		if _, err := scan(t.Context(), address, make([]byte, 1<<20+1)); err == nil || !strings.Contains(err.Error(), "size limit") {
			t.Errorf("a refusal of the scanner's: %v", err)
		}
	}
	if err := tcp.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := scan(t.Context(), tcp.Addr().String(), []byte("x")); err == nil {
		t.Error("without a scanner everything is clean")
	}
}

func TestNamesLoseWhatMisleads(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"invoice.pdf": "invoice.pdf", "../../etc/passwd": "passwd", `C:\x\y.pdf`: "y.pdf", "..": "document.pdf", "": "document.pdf", "a\u202efdp.exe": "afdp.exe",
		"a\x00b\r\n.pdf": "ab.pdf", `a"b<c>.pdf`: "abc.pdf", "Rechnung für Müller.pdf": "Rechnung für Müller.pdf", ".htaccess": "htaccess", "/": "document.pdf",
	} {
		if got := cleanName(name, "application/pdf"); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
	if got := cleanName(strings.Repeat("é", 300), "image/png"); len([]rune(got)) != call.MaxFileName {
		t.Errorf("a long name has %d characters", len([]rune(got)))
	}
}

// FuzzTypeOf: what is taken begins and ends as its type does. Nothing is taken behind what is no part of it, nor with more behind its end
// than readers overlook.
func FuzzTypeOf(f *testing.F) {
	picture := image.NewGray(image.Rect(0, 0, 3, 2))
	var asPNG, asJPEG bytes.Buffer
	if err := errors.Join(png.Encode(&asPNG, picture), jpeg.Encode(&asJPEG, picture, nil)); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"%PDF-1.4\nstartxref\n0\n%%EOF\n", asPNG.String(), asJPEG.String(), "\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "", "GIF89a"} {
		f.Add([]byte(seed))
	}
	forms := map[string]struct{ begins, ends string }{
		"application/pdf": {"%PDF-", "%%EOF"}, "image/png": {"\x89PNG\r\n\x1a\n", "IEND"}, "image/jpeg": {"\xff\xd8", "\xff\xd9"},
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		kind := typeOf(content)
		if kind == "" {
			return
		}
		form, known := forms[kind]
		head, tail := string(content[:min(len(content), 1024)]), string(content[max(0, len(content)-4096):])
		if kind == "application/pdf" {
			head = strings.TrimLeft(head, "\x00\t\n\f\r \xef\xbb\xbf")
		}
		if !known || !strings.HasPrefix(head, form.begins) || !strings.Contains(tail, form.ends) {
			t.Errorf("%q is taken for %s", content, kind)
		}
		if got := typeOf(append([]byte("MZ"), content...)); got != "" {
			t.Errorf("behind a program's beginning %q is taken for %s", content, got)
		}
		if got := typeOf(append(bytes.Clone(content), make([]byte, 4096)...)); got != "" {
			t.Errorf("with 4 KiB behind it %q is taken for %s", content, got)
		}
	})
}

// FuzzCleanName: a name is clean after one cleaning, and holds nothing that leads anywhere.
func FuzzCleanName(f *testing.F) {
	for _, seed := range []string{"invoice.pdf", "../../etc/passwd", `C:\a.png`, " . .a", "\u202egpj.exe", strings.Repeat("é", 300), "\xff", "", "..."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean := cleanName(name, "application/pdf")
		if again := cleanName(clean, "application/pdf"); again != clean {
			t.Errorf("%q becomes %q, and that %q", name, clean, again)
		}
		if clean == "" || strings.HasPrefix(clean, ".") || strings.ContainsAny(clean, "/\\\"\x00\r\n") || utf8.RuneCountInString(clean) > call.MaxFileName || !utf8.ValidString(clean) {
			t.Errorf("%q becomes %q", name, clean)
		}
	})
}

// FuzzScannersAnswer: only the answer that says OK, and says nothing else, lets a file pass.
func FuzzScannersAnswer(f *testing.F) {
	for _, seed := range []string{"stream: OK\x00", "stream: Eicar-Signature FOUND\x00", "stream: OK FOUND", "stream:  FOUND", "INSTREAM size limit exceeded. ERROR", "", "OK\nOK"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := readAnswer(text)
		said := strings.Trim(text, "\x00\n ")
		if clean := found == "" && err == nil; clean != (said == "OK" || said == "stream: OK") || err != nil && found != "" {
			t.Errorf("%q is %q, %v", text, found, err)
		}
	})
}
