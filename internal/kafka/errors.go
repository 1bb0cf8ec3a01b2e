package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

var (
	// ErrUnknownTopic: the cluster has no such topic (or hides it from us).
	ErrUnknownTopic = errors.New("topic does not exist")

	// ErrFenced: a commit by a member that the group no longer knows in this
	// generation. Whoever gets it no longer owns the partition and must stop.
	ErrFenced = errors.New("fenced: no longer a member of this generation of the group")

	errClosed = errors.New("kafka: the client is closed")
)

// OffsetOutOfRange: the log no longer, or not yet, has the wanted offset. Below
// LogStart retention has removed records; above LogEnd the topic was made anew
// or lost its tail.
type OffsetOutOfRange struct {
	Topic            string
	Partition        int
	Offset           int64
	LogStart, LogEnd int64 // what there is: [LogStart, LogEnd)
}

func (e *OffsetOutOfRange) Error() string {
	what := "records were removed before they were read (retention)"
	if e.Offset > e.LogEnd {
		what = "the topic was made anew or lost its tail"
	}
	return fmt.Sprintf("fetch %s/%d: offset %d is outside the log [%d, %d): %s",
		e.Topic, e.Partition, e.Offset, e.LogStart, e.LogEnd, what)
}

// CorruptBatch: the records First to Last (both inclusive) cannot be read. Go on
// at Last+1.
type CorruptBatch struct {
	Topic       string
	Partition   int
	First, Last int64
	Reason      string
}

func (e *CorruptBatch) Error() string {
	return fmt.Sprintf("read %s/%d: offsets %d to %d cannot be read: %s", e.Topic, e.Partition, e.First, e.Last, e.Reason)
}

// retriable tells whether the same request may succeed later: everything but the
// caller's own end and what a broker refuses for good.
func retriable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
		return false
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return false
	}
	var code kafkago.Error
	if errors.As(err, &code) {
		switch code {
		case kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge, kafkago.InvalidTopic,
			kafkago.InvalidRequiredAcks, kafkago.InvalidTimestamp, kafkago.InvalidRecord,
			kafkago.UnsupportedForMessageFormat, kafkago.UnsupportedCompressionType, kafkago.UnsupportedVersion,
			kafkago.PolicyViolation, kafkago.InvalidRequest, kafkago.InvalidConfiguration,
			kafkago.InvalidPartitionNumber, kafkago.InvalidReplicationFactor, kafkago.InvalidReplicaAssignment,
			kafkago.OffsetMetadataTooLarge, kafkago.InvalidCommitOffsetSize, kafkago.InvalidGroupId,
			kafkago.TopicAuthorizationFailed, kafkago.GroupAuthorizationFailed, kafkago.ClusterAuthorizationFailed,
			kafkago.UnsupportedSASLMechanism, kafkago.IllegalSASLState, kafkago.SASLAuthenticationFailed,
			kafkago.SecurityDisabled, kafkago.IllegalGeneration, kafkago.UnknownMemberId,
			kafkago.RebalanceInProgress, kafkago.FencedInstanceID:
			return false
		}
	}
	return true
}

// codeError is nil for code 0.
func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return kafkago.Error(code)
}
