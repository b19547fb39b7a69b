package documents

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// scanWithin is how long the scanner has for one file.
const scanWithin = 30 * time.Second

// chunkSize is how much is sent to the scanner at once.
const chunkSize = 64 << 10

// scan asks a clamd what is in the content, and returns what it found; empty when it found nothing. The protocol is INSTREAM of
// clamd(8): the command, then chunks with their length before them as four bytes in network order, then a chunk of no length; the answer
// is "stream: OK" or "stream: <name> FOUND".
func scan(ctx context.Context, address string, content []byte) (found string, err error) {
	ctx, cancel := context.WithTimeout(ctx, scanWithin)
	defer cancel()
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return "", fmt.Errorf("reach the scanner: %w", err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", fmt.Errorf("reach the scanner: %w", err)
	}
	if err := stream(conn, content); err != nil {
		return "", fmt.Errorf("send to the scanner: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(conn, 4096))
	if err != nil {
		return "", fmt.Errorf("read the scanner's answer: %w", err)
	}
	return readAnswer(string(text))
}

// readAnswer says what the scanner found by its answer.
func readAnswer(text string) (found string, err error) {
	answer := strings.TrimPrefix(strings.TrimRight(text, "\x00\n "), "stream: ")
	if answer == "OK" {
		return "", nil
	}
	if name, ok := strings.CutSuffix(answer, " FOUND"); ok && name != "" {
		return name, nil
	}
	return "", fmt.Errorf("the scanner answered %q", answer)
}

// stream sends the content as clamd wants it.
func stream(to io.Writer, content []byte) error {
	if _, err := to.Write([]byte("zINSTREAM\x00")); err != nil {
		return err
	}
	for start := 0; start < len(content); start += chunkSize {
		chunk := content[start:min(start+chunkSize, len(content))]
		if _, err := to.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(chunk))), chunk...)); err != nil {
			return err
		}
	}
	_, err := to.Write([]byte{0, 0, 0, 0})
	return err
}
