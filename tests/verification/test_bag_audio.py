"""Speech in bags: every audio type, both storages, with and without definitions; gaps, restarts, two topics, damage."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from bag_writing import AUDIO, EPOCH, BagWriter, audio_info, audio_message, int16_audio, joint_state
from rosbags.rosbag2 import StoragePlugin

from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.verification.bag_content import read_content

RATE = 16000
STAMPED = ("AudioDataStamped", "AudioStamped", "AudioBuffer")


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    """Int16 whose samples all differ from their neighbours. Shape [N]."""
    t = np.arange(round(seconds * rate)) / rate
    return np.round(12000 * np.sin(2 * np.pi * 220 * t) + 6000 * np.sin(2 * np.pi * 331.7 * t)).astype(np.int16)


def spoken(kind, sound, at=2.0, chunk=512, rate=RATE, late=0.003):
    """(received, message) of each chunk of `sound`, whose first sample is at `at`."""
    for first in range(0, len(sound), chunk):
        part = sound[first : first + chunk]
        begin = at + first / rate
        yield begin + len(part) / rate + late, audio_message(kind, part, begin, rate)


def write(path, events, **options):
    with BagWriter(path, **options) as writer:
        for received, topic, message in sorted(events, key=lambda e: e[0]):
            writer.write(topic, message, received)
    return path


def close_to(audio, sound, at=2.0, late=0.003):
    """The audio is `sound` (int16 mono), begun at `at` (+ the transport, where there are no stamps)."""
    assert audio is not None
    assert audio.start - EPOCH == pytest.approx(at + late, abs=1e-4)
    assert len(audio.samples) == pytest.approx(len(sound), abs=1)
    count = min(len(audio.samples), len(sound))
    np.testing.assert_allclose(audio.samples[:count], sound[:count] / 32768, atol=2e-4)


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3], ids=["mcap", "sqlite3"])
@pytest.mark.parametrize("kind", AUDIO)
def test_every_audio_type_in_both_storages(tmp_path, kind, plugin):
    sound = tone(0.7)
    events = [(received, "/voice/audio", message) for received, message in spoken(kind, sound)]
    if kind.startswith("AudioData"):  # rate and encoding are told once, at the beginning
        events.append((0.5, "/voice/audio_info", audio_info()))
    content = read_content(write(tmp_path / "bag", events, plugin=plugin))
    assert content.audio_topic == "/voice/audio"
    close_to(content.audio, sound, late=0.0 if kind in STAMPED else 0.003)
    assert content.warnings == []
    assert content.damage == ""


@pytest.mark.parametrize("kind", ["AudioData", "AudioDataStamped", "Audio", "AudioStamped", "AudioBuffer"])
def test_audio_packages_are_known_where_the_bag_does_not_define_them(tmp_path, kind):
    sound = tone(0.3)
    events = [(received, "/audio", message) for received, message in spoken(kind, sound)]
    bag = write(tmp_path / "bag", events, plugin=StoragePlugin.SQLITE3, definitions=False)
    close_to(read_content(bag).audio, sound, late=0.0 if kind in STAMPED else 0.003)


@pytest.mark.parametrize("kind", ["Float32MultiArray", "AudioDataStamped", "AudioStamped", "AudioBuffer"])
def test_another_rate_and_stereo(tmp_path, kind):
    wide = np.stack([tone(0.5, 44100), np.zeros(22050, np.int16)], axis=1)
    events = [(r, "/audio", m) for r, m in spoken(kind, wide, chunk=1024, rate=44100)]
    events.append((1.0, "/audio_info", audio_info(44100, 2)))
    audio = read_content(write(tmp_path / "bag", events), sample_rate=44100).audio
    assert audio is not None
    assert audio.duration == pytest.approx(0.5, abs=1e-3)
    spectrum = np.abs(np.fft.rfft(audio.samples * np.hanning(len(audio.samples))))
    assert abs(np.argmax(spectrum) / audio.duration - 220.0) < 3.0
    level = float(np.sqrt(np.mean(np.square(audio.samples[400:7600]))))
    assert level == pytest.approx(np.sqrt(12000**2 + 6000**2) / np.sqrt(2) / 65536, rel=0.02)  # mean with silence


@pytest.mark.parametrize("kind", ["Int16MultiArray", "AudioStamped"])
def test_pauses_between_sentences_are_kept(tmp_path, kind):
    first, second = tone(0.4), tone(0.6)
    events = [(r, "/audio", m) for r, m in (*spoken(kind, first, 2.0), *spoken(kind, second, 5.0))]
    content = read_content(write(tmp_path / "bag", events))
    close_to(content.audio, np.concatenate([first, np.zeros(round(2.6 * RATE), np.int16), second]), 2.0,
             0.0 if kind in STAMPED else 0.003)  # fmt: skip
    assert content.warnings == ["/audio has 1 gaps, 2.60 s together, taken as silence"]


def test_a_lost_message_is_silence_where_stamps_tell(tmp_path):
    sound = tone(1.0)
    events = [(r, "/audio", m) for r, m in spoken("AudioStamped", sound, chunk=1600)]
    del events[4]
    content = read_content(write(tmp_path / "bag", events))
    expected = sound.copy()
    expected[6400:8000] = 0
    close_to(content.audio, expected, late=0.0)
    assert content.warnings == ["/audio has 1 gaps, 0.10 s together, taken as silence"]


def test_a_stamp_that_cannot_be_is_left_out(tmp_path):
    sound = tone(0.7)
    events = [(received, "/audio", message) for received, message in spoken("AudioStamped", sound)]
    for event in events[5:12]:
        event[2].header.stamp.sec += 100_000
    content = read_content(write(tmp_path / "bag", events))
    assert len(content.audio.samples) == pytest.approx(len(sound), abs=1)
    assert not content.audio.samples[5 * 512 + 32 : 12 * 512 - 32].any()
    assert "a stamp is 100000 s farther ahead of its recording" in " ".join(content.warnings)


def test_speech_of_more_hours_than_can_be_held_is_refused(tmp_path):
    events = [(received, "/audio", message) for received, message in spoken("Int16MultiArray", tone(0.2))]
    events += [(received + 5 * 3600, topic, message) for received, topic, message in events]
    with pytest.raises(InputError, match=r"the speech spans 5\.0 h by its times, more than 4 h"):
        read_content(write(tmp_path / "bag", events))


def test_a_clock_that_was_set_back_leaves_the_longest_piece(tmp_path):
    """A loop: stamps go back though reception goes on."""
    long, short = tone(1.0), tone(0.4)
    events = [(r, "/audio", m) for r, m in spoken("AudioStamped", long, 2.0)]
    events += [(r + 2.0, "/audio", m) for r, m in spoken("AudioStamped", short, 2.0)]
    for i in range(200):
        at = 2.0 + (i if i < 150 else i - 150) / 100
        events.append((2.0 + i / 100, "/joint_states", joint_state(("a",), at, [at])))
    content = read_content(write(tmp_path / "bag", events))
    close_to(content.audio, long, late=0.0)
    assert content.joints is not None
    assert content.joints.time[0] - EPOCH == pytest.approx(2.0)
    assert content.joints.time[-1] - EPOCH == pytest.approx(3.49)
    assert any("was set 1 times (a loop or a restart)" in w for w in content.warnings)


def test_two_audio_topics_ask_which_one(tmp_path):
    sound, other = tone(0.3), tone(0.3)[::-1]
    events = [(r, "/human/audio", m) for r, m in spoken("Int16MultiArray", sound)]
    events += [(r, "/robot/audio", m) for r, m in spoken("Int16MultiArray", other)]
    events += [(r, "/speech_gesture/audio_out", m) for r, m in spoken("Int16MultiArray", sound)]
    bag = write(tmp_path / "bag", events)
    with pytest.raises(InputError, match=r"2 audio topics: /human/audio .*, /robot/audio .*say which.*--audio-topic"):
        read_content(bag)
    close_to(read_content(bag, audio_topic="/robot/audio").audio, other)
    with pytest.raises(InputError, match=r"lacks /dog/audio; it has: /human/audio"):
        read_content(bag, audio_topic="/dog/audio")


def test_audio_messages_go_before_arrays_of_numbers(tmp_path):
    sound = tone(0.3)
    events = [(r, "/audio", m) for r, m in spoken("AudioBuffer", sound)]
    events += [(r, "/forces", m) for r, m in spoken("Float32MultiArray", sound)]
    content = read_content(write(tmp_path / "bag", events))
    assert content.audio_topic == "/audio"


def test_what_cannot_be_used_is_told(tmp_path):
    mp3 = np.frombuffer(b"ID3\x04" + bytes(600), np.int16)
    events = [(2.0 + i / 10, "/audio", audio_message("AudioData", mp3)) for i in range(3)]
    content = read_content(write(tmp_path / "mp3", events))
    assert content.audio is None
    assert content.warnings[0].startswith("3 messages of /audio cannot be used: the audio bytes are")
    bag = write(tmp_path / "info", [*events, (1.0, "/audio_info", audio_info(coding="mp3"))])
    with pytest.raises(InputError, match="the audio is mp3; set coding_format"):
        read_content(bag)


def test_joint_states_of_others(tmp_path):
    """Another topic name, groups of joints in messages of their own, one message without positions, no stamps."""
    events = []
    for i in range(100):
        at = 2.0 + i / 50
        arm = joint_state(("shoulder", "elbow"), at, [np.sin(at), 0.5 * at])
        events.append((at + 0.002, "/robot/joints", arm))
        if i % 2:
            events.append((at + 0.003, "/robot/joints", joint_state(("head",), at, [-at])))
    events.append((2.5, "/robot/joints", joint_state(("shoulder", "elbow"), 2.501, [])))
    content = read_content(write(tmp_path / "bag", events))
    joints = content.joints
    assert joints is not None
    assert joints.joint_names == ("shoulder", "elbow", "head")
    time = joints.time - EPOCH
    np.testing.assert_allclose(joints.position[:, 0], np.sin(time), atol=1e-6)
    np.testing.assert_allclose(joints.position[2:-2, 2], -time[2:-2], atol=1e-6)
    assert content.warnings == ["/robot/joints: 1 messages without a finite position for each name are left out"]


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "zstd"])
def test_a_truncated_mcap_gives_what_is_there(tmp_path, compress):
    rng = np.random.default_rng(4)
    noise = rng.integers(-9000, 9000, 20 * RATE).astype(np.int16)
    bag = write(tmp_path / "bag", [(r, "/audio", m) for r, m in spoken("AudioStamped", noise)], compress=compress)
    file = bag / "bag.mcap"
    data = file.read_bytes()
    lengths = []
    for part in (0.5, 0.9):
        file.write_bytes(data[: int(part * len(data))])
        content = read_content(bag)
        assert content.damage.startswith(f"bag {bag} is damaged (")
        assert content.audio is not None
        np.testing.assert_allclose(content.audio.samples, noise[: len(content.audio.samples)] / 32768, atol=2e-4)
        lengths.append(content.audio.duration)
    # what zstd holds is lost up to its last whole block (128 KiB)
    assert 4.0 < lengths[0] < 11.0
    assert 12.0 < lengths[1] < 19.0


def test_a_truncated_mcap_out_of_order_is_read(tmp_path):
    """Our recorder notes when messages were sent: two topics come a little out of order, and no index is left."""
    sound = tone(8.0)
    events = [(r, "/audio", m) for r, m in spoken("AudioStamped", sound)]
    events += [(r - 0.05, "/late", int16_audio(np.array([k]))) for k, (r, _, _) in enumerate(events)]
    events = sorted(events, key=lambda e: e[0] + 0.05 * (e[1] == "/late"))
    bag = write(tmp_path / "bag", events, compress=True)
    file = bag / "bag.mcap"
    file.write_bytes(file.read_bytes()[:-200])
    with Bag(bag) as opened:
        times = [m.time_ns for m in opened.messages()]
        assert opened.damage.endswith("; 500 messages of 8.0 s can be read")
    assert len(times) == len(events)
    assert times == sorted(times)
    content = read_content(bag, audio_topic="/audio")
    assert "its end is missing: the recording was cut off" in content.damage
    close_to(content.audio, sound, late=0.0)


def test_a_bag_in_several_files(tmp_path):
    """As rosbag2 splits them: one folder, one metadata.yaml; and the same without its metadata."""
    import yaml

    sound = tone(1.2)
    events = [(r, "/audio", m) for r, m in spoken("AudioStamped", sound)]
    half = len(events) // 2
    whole = write(tmp_path / "whole", events)
    split = tmp_path / "split"
    split.mkdir()
    for i, part in enumerate((events[:half], events[half:])):
        shutil.copy(write(tmp_path / f"p{i}", part) / f"p{i}.mcap", split / f"split_{i}.mcap")
    metadata = yaml.safe_load((whole / "metadata.yaml").read_text())
    about = metadata["rosbag2_bagfile_information"]
    about["relative_file_paths"] = ["split_0.mcap", "split_1.mcap"]
    about.pop("files", None)
    (split / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    close_to(read_content(split).audio, sound, late=0.0)
    (split / "metadata.yaml").unlink()
    content = read_content(split)
    close_to(content.audio, sound, late=0.0)
    told = f"{len(events)} messages of {events[-1][0] - events[0][0]:.1f} s can be read"
    assert content.damage == f"bag {split} is damaged (metadata.yaml is missing); {told}"
    (split / "split_1.mcap").write_bytes(b"nothing of the kind")
    content = read_content(split)
    assert "split_1.mcap" in content.damage
    assert content.audio is not None
    assert content.audio.duration == pytest.approx(half * 512 / RATE)


def test_compressed_bags(tmp_path):
    sound = tone(0.5)
    events = [(r, "/audio", m) for r, m in spoken("Int16MultiArray", sound)]
    for plugin in (StoragePlugin.MCAP, StoragePlugin.SQLITE3):
        close_to(read_content(write(tmp_path / plugin.name, events, plugin=plugin, compress=True)).audio, sound)


def test_messages_that_are_not_of_their_type_are_left_out(tmp_path):
    """A definition that does not fit what was written (a package of another version)."""
    from rosbags.rosbag2 import Writer

    bag = tmp_path / "bag"
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        from bag_writing import STORE

        connection = writer.add_connection("/audio", "std_msgs/msg/Int16MultiArray", typestore=STORE)
        good = STORE.serialize_cdr(int16_audio(tone(0.1)), "std_msgs/msg/Int16MultiArray")
        for i in range(5):
            writer.write(connection, int((EPOCH + 1 + i / 10) * 1e9), bytes(good) if i != 2 else bytes(good)[:30])
    with Bag(bag) as opened:
        assert len(list(opened.decoded())) == 4
        assert "is damaged (a message of /audio is no std_msgs/msg/Int16MultiArray" in opened.damage


def test_an_empty_bag_and_one_without_audio(tmp_path):
    with BagWriter(tmp_path / "empty"):
        pass
    with pytest.raises(InputError, match="holds no messages"):
        read_content(tmp_path / "empty")
    events = [(2.0 + i / 50, "/joint_states", joint_state(("a",), 2.0 + i / 50, [0.0])) for i in range(9)]
    content = read_content(write(tmp_path / "silent", events))
    assert content.audio is None
    assert content.audio_topic == ""
    assert content.joints is not None
